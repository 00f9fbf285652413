"""Ways to break what is counted and told over time; in the form of mutants.py."""

MUTANTS = (
    ("days that are added up are forgotten", "src/engine/state_figures.c",
     "    int64_t first = day - AKS_STATE_DAYS_MAX;\n    enum aks_status status = execute(state, \"DELETE FROM figures WHERE id <= ?\",",
     "    int64_t first = day - AKS_STATE_DAYS_MAX;\n    enum aks_status status = execute(state, \"DELETE FROM sums WHERE day < ?\", first, doing, err);\n\n"
     "    status = execute(state, \"DELETE FROM figures WHERE id <= ?\","),
    ("maxima are added up", "src/engine/state_figures.c",
     '" SELECT 0, name, iif(name GLOB \'" AKS_STATE_SUM_MAX "*\', max(value), sum(value))"', '" SELECT 0, name, sum(value)"'),
    ("rows of runs are kept for ever", "src/engine/state_figures.c",
     "        newest - (AKS_STATE_FIGURES_MAX - BATCH), doing, err);", "        newest - INT32_MAX, doing, err);"),
    ("a duration counts in each bound", "src/engine/state_figures.c",
     "        count(query, day, AKS_STATE_SUM_DURATION, text);\n        return;", "        count(query, day, AKS_STATE_SUM_DURATION, text);"),
    ("a span of time may be nothing", "src/engine/freshness.c", " || number == 0 ||", " ||"),
    ("a notification takes what only a shell understands", "src/engine/notify_settings.c",
     "    if (aks_secret_command_check(text, err) != AKS_OK)", "    if (text[0] == '\\0' && aks_secret_command_check(text, err) != AKS_OK)"),
)
