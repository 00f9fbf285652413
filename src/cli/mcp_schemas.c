#include "cli/mcp_schemas.h"

#define TEXT "{\"type\":\"string\"}"
#define TEXT_OR_NULL "{\"type\":[\"string\",\"null\"]}"
#define NUMBER "{\"type\":\"integer\"}"
#define FLAG "{\"type\":\"boolean\"}"
#define TEXTS "{\"type\":\"array\",\"items\":" TEXT "}"
#define THINGS "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}"
#define OUTCOME "{\"enum\":[\"stored\",\"unchanged\",\"queued\",\"partial\",\"failed\"]}"
#define METHOD "{\"enum\":[\"cloud\",\"http\",\"local\",\"none\"]}"
#define ERROR "{\"type\":[\"object\",\"null\"],\"required\":[\"failure\",\"message\"]," \
    "\"properties\":{\"failure\":" TEXT ",\"message\":" TEXT ",\"target\":" TEXT_OR_NULL "," \
    "\"hint\":" TEXT_OR_NULL "}}"
#define BYTES "{\"type\":\"object\",\"properties\":{\"source\":" NUMBER ",\"stored\":" NUMBER "," \
    "\"sent\":" NUMBER "}}"
#define FILES "{\"type\":\"array\",\"items\":{\"type\":\"object\"," \
    "\"required\":[\"name\",\"outcome\"],\"properties\":{\"name\":" TEXT ",\"kind\":" TEXT "," \
    "\"outcome\":" TEXT ",\"targets\":" TEXTS ",\"pending\":" TEXTS "," \
    "\"reason\":" TEXT_OR_NULL ",\"bytes\":" NUMBER "}}}"
#define ENDED "\"schema\":{\"const\":1},\"success\":" FLAG ",\"exit_code\":" NUMBER ",\"error\":" \
    ERROR
#define RUN "\"run_id\":" TEXT ",\"upload_id\":" TEXT ",\"job_id\":" TEXT_OR_NULL "," \
    "\"started_at\":" TEXT ",\"duration_s\":{\"type\":\"number\"},\"method\":" METHOD "," \
    "\"target\":" TEXT_OR_NULL ",\"dry_run\":{\"const\":true},\"bytes\":" BYTES ",\"files\":" FILES

const char aks_mcp_schema_sync[] = "{\"type\":\"object\",\"description\":"
    "\"the report of the run; with background there is none yet, and its error says why there is "
    "no worker\",\"required\":[\"schema\",\"success\",\"outcome\",\"exit_code\"],"
    "\"properties\":{" ENDED "," RUN ",\"outcome\":" OUTCOME ",\"system_id\":" TEXT ",\"targets\":"
    THINGS ",\"files_uploaded\":" TEXTS ",\"decisions\":" THINGS ",\"decisions_dropped\":" NUMBER
    ",\"asked\":" THINGS ",\"asked_dropped\":" NUMBER ",\"worker\":" FLAG "}}";

const char aks_mcp_schema_status[] = "{\"type\":\"object\",\"required\":[\"schema\",\"success\"],"
    "\"properties\":{" ENDED ",\"queue\":" THINGS ",\"damaged\":" THINGS ",\"worker\":"
    "{\"type\":\"object\"},\"now\":{\"type\":[\"object\",\"null\"]},\"last_run\":"
    "{\"type\":[\"object\",\"null\"]},\"last_stored_at\":" TEXT_OR_NULL
    ",\"last_proven_restore_at\":" TEXT_OR_NULL ",\"targets\":" THINGS ",\"job\":"
    "{\"type\":\"object\",\"description\":\"where job_id was given\"},\"report\":"
    "{\"type\":[\"object\",\"null\"]}}}";

const char aks_mcp_schema_history[] = "{\"type\":\"object\",\"required\":[\"schema\",\"runs\"],"
    "\"properties\":{" ENDED ",\"runs\":{\"type\":\"array\",\"description\":\"the newest first\","
    "\"items\":{\"type\":\"object\",\"required\":[\"run_id\",\"outcome\"],\"properties\":{" RUN
    ",\"outcome\":" TEXT ",\"success\":" FLAG ",\"exit_code\":" NUMBER ",\"error\":" ERROR "}}}}}";

const char aks_mcp_schema_verify[] = "{\"type\":\"object\",\"required\":[\"schema\",\"success\","
    "\"targets\"],\"properties\":{" ENDED ",\"system_id\":" TEXT ",\"quick\":" FLAG ",\"targets\":"
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\",\"success\"],"
    "\"properties\":{\"name\":" TEXT ",\"kind\":" TEXT ",\"upload_id\":" TEXT_OR_NULL ","
    "\"success\":" FLAG ",\"objects\":" THINGS ",\"error\":" ERROR "}}},"
    "\"notes\":{\"type\":\"array\"}}}";

const char aks_mcp_schema_explain[] = "{\"type\":\"object\",\"required\":[\"schema\",\"success\","
    "\"policy\"],\"properties\":{" ENDED ",\"policy\":{\"type\":\"object\"},\"at\":{},"
    "\"plan\":{},\"throttle\":{},\"calm\":{},\"events\":{},\"decisions\":{},\"ended\":{},"
    "\"replay\":{\"type\":\"object\",\"description\":\"where replay was given\"}}}";
