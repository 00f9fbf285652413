---@meta akosha
-- What a policy sees, for lua-language-server; nothing here is run. Seconds and bytes; what is not
-- known is nil. docs/policy.md says what it means, and how an editor finds this file.
-- tests/script/types_test.lua compares it with the program.

---@class akosha
---@field KiB integer 1024 bytes
---@field MiB integer
---@field GiB integer
---@field kB integer 1000 bytes
---@field MB integer
---@field second integer 1
---@field minute integer 60 seconds
---@field hour integer
---@field day integer
---@field next_target akosha.Decision An answer of `retry`.
---@field restart akosha.Decision An answer of `retry`: the upload begins anew.
---@field give_up akosha.Decision An answer of `retry`: the run ends, the work stays queued.
local akosha = {}

-- The policy itself. ------------------------------------------------------------------------------

---@class akosha.PolicyFields
---@field api integer 1
---@field sources? string[] Paths: absolute, below "~/", or relative to the policy's folder.
---@field targets table<string, akosha.Target|false|nil> Targets by name.
---@field route? akosha.Route All targets without it: s3, then http, then dir.
---@field retry? akosha.Schedule|fun(failure: akosha.Failure): akosha.Decision|akosha.Schedule|nil
---@field dedup? akosha.Dedup|fun(facts: akosha.DedupFacts): akosha.DedupAnswer|nil
---@field missing? akosha.Missing What a source that is not there means; "fail" without it.
---@field compress? akosha.Compress|fun(facts: akosha.CompressFacts): akosha.Compress|nil
---@field part_size? integer Bytes, 5 MiB to 5 GiB.
---@field probe? number Seconds that a target has to answer, up to 60.
---@field system_id? string 1 to 84 letters, digits, "_" and "-".
---@field finished? fun(report: akosha.Report)

---@class akosha.Policy

---@alias akosha.Names string|string[] A name of a target, or several in their order.
---@alias akosha.RouteFunction fun(source: akosha.Source, targets: akosha.Targets): akosha.Names|nil
---@alias akosha.Route akosha.Names|akosha.RouteFunction
---@alias akosha.Dedup "unchanged"|"always"
---@alias akosha.Missing "fail"|"skip"
---@alias akosha.Codec "none"|"gzip"|"zstd"
---@alias akosha.Compress akosha.Codec|akosha.CompressOptions
---@alias akosha.DedupAnswer "upload"|"reuse"|"skip"
---@alias akosha.SourceKind "duckdb"|"sqlite"|"file"
---@alias akosha.TargetKind "s3"|"http"|"dir"

---@class akosha.CompressOptions
---@field codec akosha.Codec
---@field level? integer gzip: 1 to 9; zstd: -7 to 19 without 0.
---@field always? boolean Even where a sample does not shrink.

---@param fields akosha.PolicyFields
---@return akosha.Policy
function akosha.policy(fields) end

-- Targets. ----------------------------------------------------------------------------------------

---@class akosha.Target

---@alias akosha.Payload "signed"|"crc64nvme"

---@class akosha.S3Options
---@field bucket string
---@field region? string "auto"
---@field endpoint? string AWS without it.
---@field prefix? string
---@field path_style? boolean
---@field credentials? string "auto", "environment" or "profile:NAME"
---@field ca? string A PEM file.
---@field payload? akosha.Payload

---@class akosha.HttpOptions
---@field url string
---@field ca? string A PEM file.

---@class akosha.DirOptions
---@field path string

---@param options akosha.S3Options
---@return akosha.Target
function akosha.s3(options) end

---@param options akosha.HttpOptions
---@return akosha.Target
function akosha.http(options) end

---@param options akosha.DirOptions
---@return akosha.Target
function akosha.dir(options) end

-- Facts. ------------------------------------------------------------------------------------------

---@class akosha.Source
---@field name string As in the target.
---@field path string
---@field kind akosha.SourceKind
---@field size integer Bytes.
---@field age? number Seconds since it was modified.

---@class akosha.TargetFacts
---@field name string
---@field kind akosha.TargetKind
---@field healthy boolean
---@field last_success? number Seconds ago.

---@class akosha.Targets: { [integer|string]: akosha.TargetFacts } A list, and by name.

---@class akosha.Failure
---@field name akosha.FailureName
---@field target string
---@field operation string "probe", "part 2", "manifest" ...
---@field source? string
---@field transient boolean May the same succeed later?
---@field corrected boolean The engine has mended the cause meanwhile.
---@field http_status? integer
---@field retry_after? number Seconds that the server asked for.
---@field attempt integer 1 for the first failure of this operation.
---@field elapsed number Seconds since the operation began.

---@class akosha.DedupFacts
---@field source akosha.Source
---@field target akosha.TargetFacts
---@field unchanged boolean The target holds these very bytes.
---@field stored? number Seconds ago.

---@class akosha.CompressFacts
---@field source akosha.Source
---@field target akosha.TargetFacts
---@field sample_ratio number 1.0: does not shrink.

---@alias akosha.FailureName
---| "offline" | "dns" | "refused" | "connect_timeout" | "tls" | "timeout" | "stalled" | "throttled"
---| "server" | "clock_skew" | "auth_missing" | "auth_expired" | "auth_invalid" | "forbidden"
---| "not_found" | "conflict" | "too_large" | "bad_reply" | "corrupt" | "source_missing"
---| "source_busy" | "source_changed" | "source_unreadable" | "no_space" | "state" | "policy"
---| "settings" | "limit" | "cancelled" | "internal"

-- The report, as --json prints it. ---------------------------------------------------------------

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
---@field decisions_dropped? integer
---@field dry_run? boolean

---@class akosha.ReportTarget
---@field name string
---@field kind akosha.TargetKind
---@field method string
---@field delivers string
---@field outcome string
---@field upload_id? string
---@field error? akosha.ReportError

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
---@field stored_bytes? integer
---@field stored_sha256? string
---@field key? string

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

-- Answers about failures. -------------------------------------------------------------------------

---@class akosha.Decision
---@field kind "wait"|"next_target"|"restart"|"give_up"
---@field seconds? number Of a wait.

---@param seconds number Up to a day.
---@return akosha.Decision
function akosha.wait(seconds) end

---@class akosha.Schedule
---@field decide fun(self: akosha.Schedule, failure: akosha.Failure): akosha.Decision

---@alias akosha.Jitter "none"|"full"|"equal"

---@class akosha.NoOptions

---@class akosha.FixedOptions
---@field first? number Seconds (2).
---@field jitter? akosha.Jitter "none"
---@field tries? integer The first one included (3).

---@class akosha.LinearOptions
---@field first? number Seconds (2).
---@field step? number Seconds (first).
---@field cap? number Seconds (10).
---@field jitter? akosha.Jitter "full"
---@field tries? integer The first one included (3).

---@class akosha.ExponentialOptions
---@field first? number Seconds (2).
---@field factor? number 2
---@field cap? number Seconds (10).
---@field jitter? akosha.Jitter "full"
---@field tries? integer The first one included (3).

---@class akosha.DecorrelatedOptions
---@field first? number Seconds (2).
---@field factor? number 3
---@field cap? number Seconds (10).
---@field tries? integer The first one included (3).

---@class akosha.ByFailureOptions
---@field offline? akosha.Schedule
---@field dns? akosha.Schedule
---@field refused? akosha.Schedule
---@field connect_timeout? akosha.Schedule
---@field timeout? akosha.Schedule
---@field stalled? akosha.Schedule
---@field throttled? akosha.Schedule
---@field server? akosha.Schedule
---@field clock_skew? akosha.Schedule
---@field bad_reply? akosha.Schedule
---@field corrupt? akosha.Schedule
---@field source_busy? akosha.Schedule
---@field source_changed? akosha.Schedule
---@field no_space? akosha.Schedule
---@field default? akosha.Schedule

akosha.retry = {}

---@param options? akosha.NoOptions
---@return akosha.Schedule
function akosha.retry.none(options) end

---@param options? akosha.FixedOptions
---@return akosha.Schedule
function akosha.retry.fixed(options) end

---@param options? akosha.LinearOptions
---@return akosha.Schedule
function akosha.retry.linear(options) end

---@param options? akosha.ExponentialOptions
---@return akosha.Schedule
function akosha.retry.exponential(options) end

---@param options? akosha.DecorrelatedOptions
---@return akosha.Schedule
function akosha.retry.decorrelated(options) end

---@param schedules akosha.ByFailureOptions
---@return akosha.Schedule
function akosha.retry.by_failure(schedules) end

-- Routes. -----------------------------------------------------------------------------------------

---@class akosha.Predicate
---@operator call(akosha.Source): boolean
---@operator band(akosha.Predicate): akosha.Predicate
---@operator bor(akosha.Predicate): akosha.Predicate
---@operator bnot: akosha.Predicate

akosha.match = {}

---@param kind akosha.SourceKind
---@return akosha.Predicate
function akosha.match.kind(kind) end

---@param stars string "*.db": * stands for any letters, ? for one.
---@return akosha.Predicate
function akosha.match.name(stars) end

---@param text string "> 100 MiB": <, <=, >, >= and B, KiB, MiB, GiB, kB, MB.
---@return akosha.Predicate
function akosha.match.size(text) end

---@param text string "< 1 h": <, <=, >, >= and s, min, h, d.
---@return akosha.Predicate
function akosha.match.age(text) end

---@class akosha.ByKindOptions
---@field duckdb? akosha.Route
---@field sqlite? akosha.Route
---@field file? akosha.Route
---@field default? akosha.Route

akosha.route = {}

---@param names akosha.Route
---@return akosha.RouteFunction
function akosha.route.first(names) end

---@param predicate akosha.Predicate|fun(source: akosha.Source): boolean
---@param yes akosha.Route
---@param otherwise? akosha.Route
---@return akosha.RouteFunction
function akosha.route.when(predicate, yes, otherwise) end

---@param routes akosha.ByKindOptions
---@return akosha.RouteFunction
function akosha.route.by_kind(routes) end

-- The rest. ---------------------------------------------------------------------------------------

---@param name string AKOSHA_*, HOME and others that are no secrets.
---@param default? string
---@return string|nil
function akosha.env(name, default) end

---@param ... any
function akosha.log(...) end

return akosha
