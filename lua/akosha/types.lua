---@meta akosha
-- What a policy sees, for lua-language-server; nothing here is run. Seconds and bytes; what is not
-- known is nil. docs/policy.md says what it means, and how an editor finds this file.
-- tests/script/types_test.lua compares it with the program, and ./dev reference makes
-- docs/reference.md of it: what a field is without a value stands in brackets at its line's end;
-- "Phase: load." above a function says that it may be called there alone; without it, while the
-- policy is loaded (load), in its functions (decide) and in its task (task).

---@class akosha
---@field KiB integer 1024 bytes
---@field MiB integer 1024 KiB
---@field GiB integer 1024 MiB
---@field kB integer 1000 bytes
---@field MB integer 1000 kB
---@field second integer 1
---@field minute integer 60 seconds
---@field hour integer 60 minutes
---@field day integer 24 hours
---@field next_target akosha.Decision An answer of `retry`.
---@field restart akosha.Decision An answer of `retry`: the upload begins anew.
---@field give_up akosha.Decision An answer of `retry`: the run ends, the work stays queued.
local akosha = {}

-- The policy itself. ------------------------------------------------------------------------------

---@class akosha.PolicyFields
---@field api integer 1, the version of all this.
---@field sources? akosha.SourceRule[] What is sent (the command line's).
---@field targets table<string, akosha.Target|false|nil> By name; false is one switched off.
---@field route? akosha.Route Where a source goes (all: s3, then akosha, http, dir).
---@field retry? akosha.Retry Asked after each failure (exponential).
---@field dedup? akosha.DedupRule Asked for each source and target ("unchanged").
---@field missing? akosha.Missing What a source that is not there means ("fail").
---@field compress? akosha.CompressRule Asked for each source and target ("zstd").
---@field encrypt? akosha.Age Whom everything is encrypted for before it leaves (nobody).
---@field snapshot? akosha.SnapshotRule Asked about a source that stays busy ("queue", after 5 s).
---@field part_size? integer Bytes, 5 MiB to 5 GiB (5 MiB).
---@field probe? number Seconds that a target has to answer, up to 60 (1).
---@field system_id? string 1 to 84 letters, digits, "_" and "-" (the host's name).
---@field throttle? akosha.Throttle Bytes per second that are sent, in all (no limit).
---@field budget? akosha.Budget|table<string, akosha.Budget> Of all together, or by name (no limit).
---@field deliver? akosha.Deliver What satisfies a source ("files" where the route has some).
---@field verify? akosha.Verify What is looked at again after an upload ("none").
---@field drill? akosha.Drill How often a restore is tried out, by itself ("never").
---@field keep? akosha.KeepOptions What `prune` keeps (what its command line says).
---@field memories? akosha.Memories Rows that go beside the files ("new").
---@field limits? akosha.LimitOptions What it may take, at most what whoever runs it allows.
---@field finished? fun(report: akosha.Report) Told once, at the end.

---@class akosha.Policy

---@alias akosha.Names string|string[] A name of a target, or several in their order.
---@alias akosha.RouteAnswer akosha.Names|akosha.Mirror|nil
---@alias akosha.RouteFunction
---| fun(source: akosha.Source, targets: akosha.Targets, now: akosha.Now): akosha.RouteAnswer
---@alias akosha.Route akosha.Names|akosha.Mirror|akosha.RouteFunction
---@alias akosha.RetryFunction
---| fun(failure: akosha.Failure, now: akosha.Now): akosha.Decision|akosha.Schedule|nil
---@alias akosha.Retry akosha.Schedule|akosha.RetryFunction
---@alias akosha.DedupFunction
---| fun(facts: akosha.DedupFacts, now: akosha.Now): akosha.DedupAnswer|nil
---@alias akosha.DedupRule akosha.Dedup|akosha.DedupFunction
---@alias akosha.CompressFunction
---| fun(facts: akosha.CompressFacts, now: akosha.Now): akosha.Compress|nil
---@alias akosha.CompressRule akosha.Compress|akosha.CompressFunction
---@alias akosha.SnapshotFunction
---| fun(facts: akosha.SnapshotFacts, now: akosha.Now): akosha.Busy|akosha.BusyRule|nil
---@alias akosha.SnapshotRule akosha.Busy|akosha.BusyRule|akosha.SnapshotFunction
---@alias akosha.ThrottleFunction fun(now: akosha.Now): integer|nil
---@alias akosha.Throttle integer|akosha.ThrottleFunction
---@alias akosha.Dedup "unchanged"|"always"|"never"
---@alias akosha.Missing "fail"|"skip"
---@alias akosha.Busy "queue"|"skip"|"older"
---@alias akosha.Verify "none"|"read_back"
---@alias akosha.Deliver "files"|"any"|"both"
---@alias akosha.DrillName "never"|"daily"|"weekly"|"monthly"
---@alias akosha.Drill akosha.DrillName|number By name, or seconds: an hour to 366 days.
---@alias akosha.Codec "none"|"gzip"|"zstd"
---@alias akosha.Compress akosha.Codec|akosha.CompressOptions
---@alias akosha.DedupAnswer "upload"|"reuse"|"skip"
---@alias akosha.SourceKind "duckdb"|"sqlite"|"file"
---@alias akosha.TargetKind "s3"|"http"|"dir"|"akosha"

---@alias akosha.SourceRule string|akosha.SourceOptions A path or a glob, or one that says more.

---@class akosha.SourceOptions
---@field path? string Absolute, below "~/", or from the policy's folder; or else a glob.
---@field glob? string Such a path with "*", "?" or "[a-z]" in it: all files that fit.
---@field kind? akosha.SourceKind What it is (the file tells).
---@field codec? akosha.Compress How it is compressed (as `compress` says).
---@field snapshot? akosha.Busy|akosha.BusyRule What becomes of it if busy (as `snapshot` says).
---@field priority? integer -1000 to 1000; higher ones are sent first (0).
---@field name? string As in the target; of a path (the file's own).

---@class akosha.LimitOptions
---@field memory? integer Bytes, from now on (32 MiB).
---@field instructions? integer Of one decision (1 million).
---@field time? number Seconds of one decision (1).
---@field coroutines? integer At once (1024).
---@field log? integer Lines of one decision (100).

---@class akosha.KeepOptions
---@field last? integer The newest so many uploads (0).
---@field daily? integer The newest of each of so many days (0).
---@field weekly? integer The newest of each of so many weeks (0).

---@alias akosha.MemoriesMode "new"|"all"|"none"
---@alias akosha.Memories akosha.MemoriesMode|akosha.MemoriesOptions|akosha.MemoriesTable[]

---@class akosha.MemoriesTable
---@field table string Its name.
---@field id string The column that names a row.
---@field text string The column with what is remembered.
---@field embedding? string The column with 384 numbers (none).
---@field at? string The column with the time of a row (none).

---@class akosha.MemoriesOptions
---@field mode? akosha.MemoriesMode Which rows ("new").
---@field tables? akosha.MemoriesTable[] Tables of one's own; or one, by the fields below.
---@field table? string
---@field id? string
---@field text? string
---@field embedding? string
---@field at? string

---@class akosha.CompressOptions
---@field codec akosha.Codec How.
---@field level? integer gzip: 1 to 9; zstd: -7 to 19 without 0 (2).
---@field always? boolean Even where a sample does not shrink (false).

---What the file returns.
---Phase: load.
---@param fields akosha.PolicyFields
---@return akosha.Policy
function akosha.policy(fields) end

-- Targets. ----------------------------------------------------------------------------------------

---@class akosha.Target

---@alias akosha.Payload "signed"|"crc64nvme"
---@alias akosha.Layout "akosha"|"original"

---@class akosha.S3Options
---@field bucket string|nil 3 to 63 letters, digits, "." and "-"; nil is an error.
---@field region? string The signature's; found out where it is "auto" ("auto").
---@field endpoint? string https://..., or http:// to this machine (AWS).
---@field prefix? string Before each key.
---@field path_style? boolean The bucket in the path, not in the host (true with an endpoint).
---@field credentials? string "auto", "environment", "profile:NAME", ... ("auto").
---@field ca? string A PEM file (the system's).
---@field pin? string|string[] "sha256//..." of its public key; several: any of these (any).
---@field payload? akosha.Payload What vouches for a part ("signed").
---@field layout? akosha.Layout Where uploads lie: systems/ID/, or systems/ID/uploads/ ("akosha").
---@field markers? boolean Zero-byte objects that stand for folders (true).

---@class akosha.HttpOptions
---@field url string|nil https://..., or http:// to this machine; nil is an error.
---@field token? akosha.Secret Sent as "Authorization: Bearer ...", to this address alone (none).
---@field ca? string A PEM file (the system's).
---@field pin? string|string[] "sha256//..." of its public key; several: any of these (any).
---@field tus? boolean Large objects by tus (where its address is that of the object).
---@field layout? akosha.Layout Where uploads lie: systems/ID/, or systems/ID/uploads/ ("akosha").

---@class akosha.McpOptions
---@field url string|nil As given, "http://127.0.0.1:8682/mcp"; nil is an error.
---@field token? akosha.Secret Sent as "Authorization: Bearer ...", to this address alone (none).
---@field ca? string A PEM file (the system's).
---@field pin? string|string[] "sha256//..." of its public key; several: any of these (any).

---@class akosha.DirOptions
---@field path string A folder: absolute, or below "~/".
---@field layout? akosha.Layout Where uploads lie: systems/ID/, or systems/ID/uploads/ ("akosha").

---What stands for a value that no policy sees; as text "akosha.secret: NAME".
---@class akosha.Secret

---A secret that `akosha-sync secret add NAME` knows, for a target's `token`.
---Phase: load.
---@param name string 1 to 63 letters, digits, "_" and "-".
---@return akosha.Secret
function akosha.secret(name) end

---An S3-compatible bucket.
---Phase: load.
---@param options akosha.S3Options
---@return akosha.Target
function akosha.s3(options) end

---A server that takes PUT.
---Phase: load.
---@param options akosha.HttpOptions
---@return akosha.Target
function akosha.http(options) end

---Akosha itself, by MCP: it takes memories, row by row, and no files.
---Phase: load.
---@param options akosha.McpOptions
---@return akosha.Target
function akosha.mcp(options) end

---A folder.
---Phase: load.
---@param options akosha.DirOptions
---@return akosha.Target
function akosha.dir(options) end

-- Facts. ------------------------------------------------------------------------------------------

---@class akosha.Source
---@field name string As in the target.
---@field path string Absolute.
---@field kind akosha.SourceKind
---@field size integer Bytes.
---@field age? number Seconds since it was modified.

---@class akosha.TargetFacts
---@field name string
---@field kind akosha.TargetKind
---@field healthy boolean It answered when it was last asked.
---@field last_success? number Seconds ago; nil: never.
---@field rate? integer Bytes per second of recent uploads; nil also of a folder.
---@field budget_left? integer Bytes that may still be sent in this period, if it has a budget.
---@field tries_left? integer Uploads that may still be begun in it.

---@class akosha.Targets: { [integer|string]: akosha.TargetFacts } A list, and by name.

---@class akosha.Failure
---@field name akosha.FailureName
---@field target string Its name.
---@field operation string "probe", "part 2", "manifest" ...
---@field source? string Its name, where it concerns one.
---@field transient boolean May the same succeed later?
---@field corrected boolean The engine has mended the cause meanwhile.
---@field http_status? integer Of the answer, if there was one.
---@field retry_after? number Seconds that the server asked for.
---@field attempt integer 1 for the first failure of this operation.
---@field elapsed number Seconds since the operation began.

---@class akosha.DedupFacts
---@field source akosha.Source
---@field target akosha.TargetFacts
---@field unchanged boolean The target holds these very bytes.
---@field changed? integer Bytes that it does not hold: 0 where unchanged, else not known yet.
---@field stored? number Seconds ago; nil: never.

---@class akosha.CompressFacts
---@field source akosha.Source
---@field target akosha.TargetFacts
---@field sample_ratio number Plain to compressed bytes of a sample; 1.0: does not shrink.

-- Of a source that has been busy for a moment.
---@class akosha.SnapshotFacts
---@field source akosha.Source
---@field name akosha.FailureName "source_busy" or "source_changed".
---@field why string In words.
---@field waited number Seconds.
---@field stored? number Seconds since a copy was stored anywhere; nil: never.
---@field older? number Seconds since the copy that its target holds was taken; nil: none.

-- What every function gets last.
---@class akosha.Now
---@field clock akosha.Clock
---@field history akosha.Run[] The last ten runs, the newest first.

-- Local time, to the minute.
---@class akosha.Clock
---@field year integer
---@field month integer 1 to 12
---@field day integer 1 to 31
---@field hour integer 0 to 23
---@field minute integer 0 to 59
---@field weekday akosha.Weekday
---@field utc_offset integer Seconds that local time is ahead of UTC.

---@alias akosha.Weekday "mon"|"tue"|"wed"|"thu"|"fri"|"sat"|"sun"

---@class akosha.Run
---@field outcome string As in its report: "stored", "queued" ...
---@field ago number Seconds since it began.
---@field duration? number Seconds.
---@field sent? integer Bytes.
---@field method? string "cloud", "http", "local" or "none"
---@field target? string That held everything.
---@field failure? akosha.FailureName

---@alias akosha.FailureName
---| "offline" | "dns" | "refused" | "connect_timeout" | "tls" | "timeout" | "stalled" | "throttled"
---| "server" | "clock_skew" | "auth_missing" | "auth_expired" | "auth_invalid" | "forbidden"
---| "not_found" | "conflict" | "too_large" | "bad_reply" | "corrupt" | "source_missing"
---| "source_busy" | "source_changed" | "source_unreadable" | "no_space" | "budget" | "state"
---| "policy" | "settings" | "limit" | "cancelled" | "undelivered" | "internal"

-- The report, as --json prints it. ----------------------------------------------------------------

---@class akosha.Report
---@field schema integer 1
---@field run_id string
---@field upload_id? string
---@field job_id? string Of the work that stays queued.
---@field system_id string
---@field success boolean
---@field outcome string "stored", "unchanged", "partial", "queued", "failed" ...
---@field exit_code integer
---@field method string "cloud", "http", "local" or "none"
---@field target? string
---@field targets akosha.ReportTarget[]
---@field files akosha.ReportFile[]
---@field files_uploaded string[]
---@field bytes akosha.ReportBytes
---@field error? akosha.ReportError
---@field policy akosha.ReportPolicy
---@field started_at string
---@field duration_s number
---@field decisions akosha.ReportDecision[]
---@field budgets? akosha.ReportBudget[]
---@field history? akosha.Run[] What functions of the policy saw as now.history.
---@field decisions_dropped? integer So many more.
---@field asked akosha.ReportDecision[] Questions that nobody decided: the settings hold.
---@field asked_dropped? integer So many more.
---@field dry_run? boolean

---@class akosha.ReportBudget
---@field target? string Whose it is; nil: of all together.
---@field per akosha.Period
---@field until string When the next period begins.
---@field bytes? integer
---@field bytes_spent integer
---@field tries? integer
---@field tries_spent integer

---@class akosha.ReportTarget
---@field name string
---@field kind akosha.TargetKind
---@field method string
---@field delivers string
---@field outcome string
---@field upload_id? string
---@field memories? akosha.ReportMemories Of a target of rows.
---@field memories_file? akosha.ReportMemoriesFile
---@field error? akosha.ReportError

-- What this run has brought to a target of rows.
---@class akosha.ReportMemories
---@field stored integer
---@field there integer They were there already.
---@field refused integer Not taken, and not sent again.
---@field left_out integer Rows that no memory can be made of.
---@field error? string Why the first was refused.
---@field reader? string What read them.

---@class akosha.ReportMemoriesFile
---@field mode? string "new", "all"; nil: there was no new row, and no file.
---@field rows integer
---@field bytes integer
---@field skipped table<string, integer> What was left out, by reason.
---@field reader? string What read them.
---@field error? akosha.ReportMemoriesError The first source whose rows could not be read.

---@class akosha.ReportMemoriesError
---@field source string
---@field failure string
---@field message string
---@field hint? string

---@class akosha.ReportFile
---@field source string
---@field name string
---@field kind akosha.SourceKind
---@field outcome string
---@field targets string[] That hold it.
---@field pending string[] That wait for it.
---@field reason? string
---@field message? string
---@field bytes integer
---@field sha256? string
---@field codec? akosha.Codec
---@field encryption? string "age"; nil: it is not encrypted.
---@field stored_bytes? integer
---@field stored_sha256? string
---@field key? string
---@field snapshot? akosha.ReportSnapshot Of what a target holds.
---@field wal? akosha.ReportLog Of a database with one, stored with it.
---@field mirror? akosha.ReportMirror Where its route is one.

---@class akosha.ReportSnapshot
---@field method string "identity": it was read as it was; else how it was copied.
---@field writer boolean Had another process it open for writing?

---@class akosha.ReportLog
---@field key string
---@field bytes integer
---@field sha256 string
---@field codec akosha.Codec
---@field encryption? string "age"; nil: it is not encrypted.
---@field stored_bytes integer
---@field stored_sha256 string

---@class akosha.ReportMirror
---@field needed integer So many have to hold it.
---@field copies akosha.ReportCopy[]

---@class akosha.ReportCopy
---@field target string
---@field outcome string "stored", "unchanged", "skipped" or "failed".
---@field key? string Of the object, where the target holds it.
---@field error? akosha.ReportError Why it does not.

---@class akosha.ReportBytes
---@field source integer
---@field stored integer
---@field sent integer

---@class akosha.ReportError
---@field failure akosha.FailureName
---@field message string
---@field target? string
---@field hint? string

---@class akosha.ReportPolicy
---@field path string
---@field sha256 string

---@class akosha.ReportDecision
---@field at_s number
---@field question string "retry", "route" ...
---@field target? string
---@field facts table What the answer was about.
---@field answer string
---@field by "policy"|"default"
---@field line? integer On which the policy's function begins that answered.
---@field file? string Of that line, where it is not the policy's own.
---@field chance? number[] Of a wait: from and to, in seconds; chance drew it.

-- Answers about failures. -------------------------------------------------------------------------

---@class akosha.Decision
---@field kind "wait"|"next_target"|"restart"|"give_up"
---@field seconds? number Of a wait.

---An answer of `retry`: the same again, later.
---@param seconds number Up to a day.
---@return akosha.Decision
function akosha.wait(seconds) end

---How long to wait after a failure, and how often.
---@class akosha.Schedule
---@field decide fun(self: akosha.Schedule, failure: akosha.Failure): akosha.Decision

---@alias akosha.Jitter "none"|"full"|"equal"

---@class akosha.NoOptions

---@class akosha.FixedOptions
---@field first? number Seconds, the first wait (2).
---@field jitter? akosha.Jitter Chance in each wait ("none").
---@field tries? integer At most, the first one included, 1 to 100 (3).

---@class akosha.LinearOptions
---@field first? number Seconds, the first wait (2).
---@field step? number Seconds, more each time (first).
---@field cap? number Seconds, the longest wait (10).
---@field jitter? akosha.Jitter Chance in each wait ("full").
---@field tries? integer At most, the first one included, 1 to 100 (3).

---@class akosha.ExponentialOptions
---@field first? number Seconds, the first wait (2).
---@field factor? number Each wait to the one before, 1 to 100 (2).
---@field cap? number Seconds, the longest wait (10).
---@field jitter? akosha.Jitter Chance in each wait ("full").
---@field tries? integer At most, the first one included, 1 to 100 (3).

---@class akosha.DecorrelatedOptions
---@field first? number Seconds, the first wait (2).
---@field factor? number Most of a wait to the one before, 1 to 100 (3).
---@field cap? number Seconds, the longest wait (10).
---@field tries? integer At most, the first one included, 1 to 100 (3).

---@class akosha.ByFailureOptions
---@field offline? akosha.Schedule (default)
---@field dns? akosha.Schedule (default)
---@field refused? akosha.Schedule (default)
---@field connect_timeout? akosha.Schedule (default)
---@field timeout? akosha.Schedule (default)
---@field stalled? akosha.Schedule (default)
---@field throttled? akosha.Schedule (default)
---@field server? akosha.Schedule (default)
---@field clock_skew? akosha.Schedule (default)
---@field bad_reply? akosha.Schedule (default)
---@field corrupt? akosha.Schedule (default)
---@field source_busy? akosha.Schedule (default)
---@field source_changed? akosha.Schedule (default)
---@field no_space? akosha.Schedule (default)
---@field default? akosha.Schedule Of all others (exponential).

akosha.retry = {}

---One try.
---@param options? akosha.NoOptions
---@return akosha.Schedule
function akosha.retry.none(options) end

---The same wait each time.
---@param options? akosha.FixedOptions
---@return akosha.Schedule
function akosha.retry.fixed(options) end

---first, first + step, ... up to cap.
---@param options? akosha.LinearOptions
---@return akosha.Schedule
function akosha.retry.linear(options) end

---first, first * factor, ... up to cap.
---@param options? akosha.ExponentialOptions
---@return akosha.Schedule
function akosha.retry.exponential(options) end

---Anything from first to factor times the wait before, up to cap.
---@param options? akosha.DecorrelatedOptions
---@return akosha.Schedule
function akosha.retry.decorrelated(options) end

---As the schedule of the failure says.
---@param schedules akosha.ByFailureOptions
---@return akosha.Schedule
function akosha.retry.by_failure(schedules) end

---As the schedule of the target says; `default` is for the others (exponential).
---@param schedules table<string, akosha.Schedule> By names of targets; not by target again.
---@return akosha.Schedule
function akosha.retry.by_target(schedules) end

-- Routes. -----------------------------------------------------------------------------------------

---A function of a source and `now`, or of `now` alone, that says yes or no and joins with others.
---@class akosha.Predicate
---@operator call(akosha.Source): boolean
---@operator band(akosha.Predicate): akosha.Predicate
---@operator bor(akosha.Predicate): akosha.Predicate
---@operator bnot: akosha.Predicate

akosha.match = {}

---Holds for sources of that kind.
---@param kind akosha.SourceKind
---@return akosha.Predicate
function akosha.match.kind(kind) end

---Holds for names that fit.
---@param stars string "*.db": * stands for any letters, ? for one.
---@return akosha.Predicate
function akosha.match.name(stars) end

---Holds for sizes.
---@param text string "> 100 MiB": <, <=, >, >= and B, KiB, MiB, GiB, kB, MB.
---@return akosha.Predicate
function akosha.match.size(text) end

---Holds for times since a source was modified; not if that is not known.
---@param text string "< 1 h": <, <=, >, >= and s, min, h, d.
---@return akosha.Predicate
function akosha.match.age(text) end

---Holds at these times of the week, by the clock of `now`; the end is not in them.
---@param text string "mon-fri 18:00-08:00, sat-sun": days, times or both; several with commas.
---@return akosha.Predicate
function akosha.window(text) end

---@class akosha.ByKindOptions
---@field duckdb? akosha.Route (default)
---@field sqlite? akosha.Route (default)
---@field file? akosha.Route (default)
---@field default? akosha.Route Of all others (as without a route).

---@class akosha.Mirror

akosha.route = {}

---A mirror: to all of these targets, and owed until every one of them holds it.
---@param names akosha.Names
---@return akosha.Mirror
function akosha.route.all(names) end

---A mirror: to all of these targets, and delivered as soon as so many of them hold it.
---@param needed integer
---@param names akosha.Names
---@return akosha.Mirror
function akosha.route.quorum(needed, names) end

---The first of these targets that takes it: the list as a function.
---@param names akosha.Route
---@return akosha.RouteFunction
function akosha.route.first(names) end

---The first route if the predicate holds, else the other.
---@param predicate akosha.Predicate|fun(source: akosha.Source): boolean
---@param yes akosha.Route
---@param otherwise? akosha.Route
---@return akosha.RouteFunction
function akosha.route.when(predicate, yes, otherwise) end

---The route of its kind.
---@param routes akosha.ByKindOptions
---@return akosha.RouteFunction
function akosha.route.by_kind(routes) end

-- Sources that are being written. -----------------------------------------------------------------

---@class akosha.BusyRule

---@class akosha.SnapshotOptions
---@field busy? akosha.Busy What becomes of it then ("queue").
---@field wait? number Seconds that it is waited for, in all, up to 600 (5).

---How long a busy source is waited for, and what becomes of it then.
---@param options akosha.SnapshotOptions
---@return akosha.BusyRule
function akosha.snapshot(options) end

-- Encryption. ------------------------------------------------------------------------------------

---@class akosha.Age

---@class akosha.AgeOptions
---@field recipients? string|string[] "age1...": any of their identities opens it.
---@field recipients_file? string A file of them: below "~/", or from the policy's folder.
---@field passphrase? akosha.Secret Instead, alone: whoever knows it opens it.

---Encrypts with age (X25519, or scrypt) before anything leaves: docs/encryption.md.
---Phase: load.
---@param options akosha.AgeOptions
---@return akosha.Age
function akosha.age(options) end

-- Budgets. ----------------------------------------------------------------------------------------

---@class akosha.Budget

---@alias akosha.Period "hour"|"day"|"month"

---@class akosha.BudgetOptions
---@field bytes? integer Of bodies that are sent (any).
---@field tries? integer Uploads that are begun (any).
---@field per? akosha.Period Of local time ("day").

---What may be sent in each hour, day or month.
---Phase: load.
---@param options akosha.BudgetOptions
---@return akosha.Budget
function akosha.budget(options) end

-- Throttles. --------------------------------------------------------------------------------------

akosha.throttle = {}

---One rate while the predicate holds, else the other.
---@param predicate akosha.Predicate|fun(now: akosha.Now): boolean
---@param rate akosha.Throttle
---@param otherwise? akosha.Throttle (no limit)
---@return akosha.ThrottleFunction
function akosha.throttle.when(predicate, rate, otherwise) end

-- The rest. ---------------------------------------------------------------------------------------

---A variable; empty counts as not set.
---@overload fun(name: string, default: string): string
---@param name string AKOSHA_*, HOME and others that are no secrets.
---@param default? string (nil)
---@return string|nil
function akosha.env(name, default) end

---A line in the program's log.
---@param ... any
function akosha.log(...) end

-- Tasks. ------------------------------------------------------------------------------------------

---@class akosha.TaskFields
---@field api integer 1, the version of all this.
---@field sources? akosha.SourceRule[] What is sent (the command line's).
---@field targets table<string, akosha.Target|false|nil> By name; false is one switched off.
---@field run fun(ctx: akosha.Context) What is done with them.
---@field retry? akosha.Retry Asked after each request that failed (exponential).
---@field missing? akosha.Missing What a source that is not there means ("fail").
---@field compress? akosha.CompressRule For what ctx:compress was not asked about ("zstd").
---@field encrypt? akosha.Age Whom everything is encrypted for before it leaves (nobody).
---@field snapshot? akosha.SnapshotRule Asked about a source that stays busy ("queue", after 5 s).
---@field part_size? integer Bytes, 5 MiB to 5 GiB (5 MiB).
---@field probe? number Seconds that a target has to answer, up to 60 (1).
---@field system_id? string 1 to 84 letters, digits, "_" and "-" (the host's name).
---@field budget? akosha.Budget|table<string, akosha.Budget> Of all together, or by name (no limit).
---@field throttle? akosha.Throttle Bytes per second that are sent, in all (no limit).
---@field verify? akosha.Verify What is looked at again after an upload ("none").
---@field drill? akosha.Drill How often a restore is tried out, by itself ("never").
---@field keep? akosha.KeepOptions What `prune` keeps (what its command line says).
---@field limits? akosha.LimitOptions What it may take, at most what whoever runs it allows.

---What the file returns where it steers by itself: docs/tasks.md.
---Phase: load.
---@param fields akosha.TaskFields
---@return akosha.Policy
function akosha.task(fields) end

---@alias akosha.Value string|number|boolean
---@alias akosha.UploadState "open"|"sent"|"finished"|"aborted"|"failed"

---What `run` gets; its functions are for the task alone. What waits returns nil and a failure where
---it did not succeed in the end.
---@class akosha.Context
---@field state table<string, akosha.Value|nil> Kept for this policy from run to run.

---@class akosha.Coroutine

---@class akosha.Snapshot
---@field name string Of its source.
---@field size integer Bytes.
---@field sha256? string Once ctx:checksum has told it.
---@field wal? akosha.SnapshotLog Of a database that has one: it is sent with it.

---@class akosha.SnapshotLog
---@field size integer Bytes.
---@field sha256? string Where it was copied.

---@class akosha.Content
---@field name string Of its source.
---@field size integer Bytes, before it is compressed.
---@field codec akosha.Codec
---@field level? integer Where one was asked for.
---@field ratio? number Plain bytes of a sample for one compressed byte, where one was taken.

---@class akosha.Upload
---@field name string Of its source.
---@field target string
---@field state akosha.UploadState
---@field size integer Plain bytes.
---@field sent? integer Of them, how many are there.
---@field sha256? string Of the plain bytes, once they are sent; so with the three below.
---@field codec? akosha.Codec
---@field stored_size? integer
---@field stored_sha256? string

---@class akosha.TaskFailure
---@field name akosha.FailureName
---@field message string What tostring gives as well.
---@field operation string "send", "commit" ...
---@field source? string
---@field target? string
---@field transient boolean
---@field corrected boolean
---@field attempt integer 1.
---@field http_status? integer
---@field retry_after? number Seconds.

local ctx = {}

---The sources of this run; always the same list.
---@return akosha.Source[]
function ctx:sources() end

---The targets that this run may use.
---@return akosha.Targets
function ctx:targets() end

---Seconds since the task began.
---@return number
function ctx:now() end

---Local time.
---@return akosha.Clock
function ctx:clock() end

---Does the target answer?
---@param target string
---@return true|nil, akosha.TaskFailure|nil
function ctx:probe(target) end

---Has the target these bytes already? Then the source is not owed any more.
---@param source akosha.Source|string
---@param target string
---@return boolean|nil, akosha.TaskFailure|nil
function ctx:held(source, target) end

---The source as it is now; what is sent of it later is this, or a failure (source_changed).
---@param source akosha.Source|string
---@return akosha.Snapshot|nil, akosha.TaskFailure|nil
function ctx:snapshot(source) end

---SHA-256 in hex, by a pass over all bytes.
---@param snapshot akosha.Snapshot
---@return string|nil, akosha.TaskFailure|nil
function ctx:checksum(snapshot) end

---How it is to be sent: without a codec where a sample does not shrink and `always` is not said.
---@param snapshot akosha.Snapshot
---@param how akosha.Compress
---@return akosha.Content|nil, akosha.TaskFailure|nil
function ctx:compress(snapshot, how) end

---An upload of it to the target, which is probed first if it was not.
---@param target string
---@param content akosha.Snapshot|akosha.Content
---@return akosha.Upload|nil, akosha.TaskFailure|nil
function ctx:open(target, content) end

---All of its bytes.
---@param upload akosha.Upload
---@return akosha.Upload|nil, akosha.TaskFailure|nil
function ctx:send(upload) end

---The object comes into being; readers see it after the next ctx:commit.
---@param upload akosha.Upload
---@return akosha.Upload|nil, akosha.TaskFailure|nil
function ctx:finish(upload) end

---What was sent is given back.
---@param upload akosha.Upload
---@return true|nil, akosha.TaskFailure|nil
function ctx:abort(upload) end

---The manifest of all that is finished there; with it the sources are stored. Its id; true where
---nothing was ever finished.
---@param target string
---@return string|true|nil, akosha.TaskFailure|nil
function ctx:commit(target) end

---The source is not wanted in this run.
---@param source akosha.Source|string
---@param reason string
function ctx:skip(source, reason) end

---Up to a day.
---@param seconds number
---@return true|nil, akosha.TaskFailure|nil
function ctx:sleep(seconds) end

---Begins the function beside this one.
---@param run fun(...: any): ...
---@param ... any
---@return akosha.Coroutine
function ctx:spawn(run, ...) end

---Waits for its end: what it returned; its error is raised here.
---@param coroutine akosha.Coroutine
---@return any ...
function ctx:join(coroutine) end

---A record in the audit log, under the policy's name.
---@param record string|table<string, akosha.Value>
function ctx:audit(record) end

---A line in the program's log.
---@param ... any
function ctx:log(...) end

return akosha, ctx
