-- Lua's own libraries as tests have them: time stands still, chance is seeded, the disk is what
-- lies below the tests' folder, and to be read only.
local core = ...

local open_text = {} -- what io.open has read, by handle

local function refuse(what, why)
  return function()
    error(("%s is refused: %s"):format(what, why), 2)
  end
end

local function clean(library, names, why)
  local name = library == os and "os." or library == io and "io." or "debug."
  for _, field in ipairs(names) do
    library[field] = refuse(name .. field, why)
  end
end

-- The file's text, or nil and why not, as io.open says it.
local function read(what, path)
  local text, why = core.read(path)
  if why == "outside" then
    error(("%s: %s lies outside %s, and tests read below that folder only")
      :format(what, path, core.root), 3)
  elseif why == "missing" then
    return nil, path .. ": No such file or directory", 2
  elseif why then
    return nil, path .. ": " .. why, 5
  end
  return text
end

-- --- os ------------------------------------------------------------------------------------------

local real_date = os.date

-- Days since 1970 of a day that may lie outside its month (Howard Hinnant's days_from_civil).
local function days(year, month, day)
  year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
  local y = month <= 2 and year - 1 or year
  local era = y // 400
  local of_era = y - era * 400
  local of_year = (153 * (month > 2 and month - 3 or month + 9) + 2) // 5
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year + day - 719469
end

-- All of it in UTC: the machine's zone is not the test's.
function os.time(t)
  if t == nil then
    return core.epoch
  end
  local function field(name, default)
    local value = math.tointeger(tonumber(t[name] or default))
    return value or error(("field '%s' missing in date table"):format(name), 3)
  end
  return days(field "year", field "month", field "day") * 86400 + field("hour", 12) * 3600
    + field("min", 0) * 60 + field("sec", 0)
end

function os.date(format, time)
  format = format or "%c"
  return real_date("!" .. format:gsub("^!", ""), time or core.epoch)
end

-- Goes on by a millisecond each time that somebody looks.
local ticks = 0
function os.clock()
  ticks = ticks + 1
  return ticks / 1000
end

function os.getenv()
  return nil -- a world's variables are its `env`
end

clean(os, { "execute", "remove", "rename", "tmpname", "setlocale" },
  "tests change nothing outside their worlds")
os.exit = refuse("os.exit", "a test ends by returning, or by a failed assertion")

-- --- io ------------------------------------------------------------------------------------------

local handle = {}
handle.__index = handle
handle.__name = "FILE*"

local function state(self)
  return open_text[self] or error("attempt to use a closed file", 3)
end

local function read_line(file, keep)
  if file.at > #file.text then
    return nil
  end
  local stop = file.text:find("\n", file.at, true)
  local line = file.text:sub(file.at, (stop or #file.text + 1) - (keep and 0 or 1))
  file.at = (stop or #file.text) + 1
  return line
end

local function read_one(file, format)
  if math.type(format) == "integer" then
    local some = file.text:sub(file.at, file.at + format - 1)
    file.at = file.at + #some
    return (#some > 0 or (format == 0 and file.at <= #file.text)) and some or nil
  end
  format = tostring(format):gsub("^%*", "")
  if format:sub(1, 1) == "a" then
    local rest = file.text:sub(file.at)
    file.at = #file.text + 1
    return rest
  elseif format:sub(1, 1) == "n" then
    local number, stop = file.text:match("^%s*([%d%.xXeE+-]+)()", file.at)
    file.at = stop or file.at
    return tonumber(number)
  end
  return read_line(file, format:sub(1, 1) == "L")
end

function handle:read(...)
  local file = state(self)
  local formats = select("#", ...) > 0 and { ... } or { "l" }
  local results = {}
  for i, format in ipairs(formats) do
    results[i] = read_one(file, format)
    if results[i] == nil then
      return table.unpack(results, 1, i)
    end
  end
  return table.unpack(results, 1, #formats)
end

function handle:lines(...)
  local formats = { ... }
  return function()
    return self:read(table.unpack(formats))
  end
end

function handle:seek(whence, offset)
  local file = state(self)
  local from = { set = 1, cur = file.at, ["end"] = #file.text + 1 }
  local at = (from[whence or "cur"] or error("invalid option '" .. whence .. "'", 2))
    + (offset or 0)
  if at < 1 then
    return nil, "Invalid argument", 22
  end
  file.at = at
  return at - 1
end

function handle:close()
  state(self)
  open_text[self] = nil
  return true
end

function handle.write()
  error("writing to files is refused: tests change nothing outside their worlds", 2)
end

function handle:flush() return self end
function handle.setvbuf() return true end

function io.open(path, mode)
  if mode and not mode:find "^rb?$" then
    error(("io.open(%q, %q) is refused: tests change nothing outside their worlds")
      :format(path, mode), 2)
  end
  local text, why, code = read("io.open", path)
  if not text then
    return nil, why, code
  end
  local self = setmetatable({}, handle)
  open_text[self] = { text = text, at = 1 }
  return self
end

function io.lines(path, ...)
  local text, why = read("io.lines", path)
  if not text then
    error(why, 2)
  end
  local self = setmetatable({}, handle)
  open_text[self] = { text = text, at = 1 }
  return self:lines(...)
end

function io.type(file)
  if getmetatable(file) ~= handle then
    return nil
  end
  return open_text[file] and "file" or "closed file"
end

local function write(self, ...)
  for _, value in ipairs { ... } do
    core.write(tostring(value))
  end
  return self
end

local out = setmetatable({ write = write }, handle)
io.stdout, io.stderr = out, out
io.stdin = nil
function io.write(...) return out:write(...) end
function io.read() return nil end
function io.output() return out end
function io.close(file) return (file or out):close() end
clean(io, { "popen", "tmpfile", "input" }, "tests change nothing outside their worlds")

function print(...)
  local words = table.pack(...)
  for i = 1, words.n do
    words[i] = tostring(words[i])
  end
  core.write(table.concat(words, "\t") .. "\n")
end

-- --- code ----------------------------------------------------------------------------------------

local real_load = load

-- Text alone: bytecode can do anything to a process.
function load(chunk, name, _, ...)
  if select("#", ...) > 0 then
    return real_load(chunk, name, "t", ...)
  end
  return real_load(chunk, name, "t")
end

function loadfile(path, _, ...)
  local text, why = read("loadfile", path)
  if not text then
    return nil, why
  end
  return load(text, "@" .. path, "t", ...)
end

function dofile(path)
  local text, why = read("dofile", path)
  local chunk
  if text then
    chunk, why = load(text, "@" .. path)
  end
  return (chunk or error(why, 2))()
end

clean(debug, { "sethook", "getregistry", "debug", "setuservalue", "setcstacklimit" },
  "the limits of tests depend on it")

-- --- order ---------------------------------------------------------------------------------------

local rank = { number = 1, string = 2 }

local function before(a, b)
  local ra, rb = rank[type(a)] or 3, rank[type(b)] or 3
  if ra ~= rb then
    return ra < rb
  end
  return ra < 3 and a < b
end

-- Numbers, then strings, each in order: a plan that is made in a loop over a table is the same in
-- every run. Other keys come last, as Lua has them.
function pairs(t)
  local meta = getmetatable(t)
  if type(t) ~= "table" or (type(meta) == "table" and meta.__pairs) then
    if type(meta) == "table" and meta.__pairs then
      return meta.__pairs(t)
    end
    return next, t, nil
  end
  local keys, others = {}, {}
  for key in next, t do
    local list = rank[type(key)] and keys or others
    list[#list + 1] = key
  end
  table.sort(keys, before)
  table.move(others, 1, #others, #keys + 1, keys)
  local i = 0
  return function()
    local key, value
    repeat
      i = i + 1
      key = keys[i]
      value = key ~= nil and rawget(t, key)
    until key == nil or value ~= nil
    return key, value
  end, t, nil
end
