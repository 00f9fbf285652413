-- What sim.forall found, as a test to paste.
local core = ...

local FIELDS = { "small", "policy", "policy_text", "modules", "env", "profile", "latency",
                 "bandwidth", "start", "utc_offset", "limits" }

local function key(name)
  return name:find "^[%a_][%w_]*$" and name or ("[%q]"):format(name)
end

local function literal(value)
  if type(value) == "table" then
    local fields = {}
    for name, field in pairs(value) do
      fields[#fields + 1] = ("%s = %s"):format(key(name), literal(field))
    end
    return "{ " .. table.concat(fields, ", ") .. " }"
  elseif type(value) == "string" and value:find "\n" and not value:find "\r" then
    local level = ""
    while value:find("]" .. level .. "]", 1, true) do
      level = level .. "="
    end
    return ("[%s[\n%s]%s]"):format(level, value, level)
  elseif type(value) == "userdata" then
    return tostring(value) -- sim.bytes(n)
  end
  return ("%q"):format(value)
end

-- Files with the sizes that are left, by the order of their names.
local function files(given, sizes)
  local fields, i = {}, 0
  for name, bytes in pairs(given) do
    i = i + 1
    local text = literal(bytes)
    if sizes[i] and sizes[i] >= 0 then
      text = text:gsub("^sim%.bytes%(%d+", "sim.bytes(" .. sizes[i])
    end
    fields[#fields + 1] = ("%s = %s"):format(key(name), text)
  end
  return "{ " .. table.concat(fields, ", ") .. " }"
end

local function plain(text)
  return load("return " .. text) and text
end

-- The function's own text, cut out of its file; nil where that cannot be told.
local function source(f)
  local info = debug.getinfo(f, "S")
  local text = info.source:sub(1, 1) == "@" and core.read(info.source:sub(2))
  if not text then
    return nil
  end
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do
    lines[#lines + 1] = line
  end
  local first = info.linedefined
  local all = table.concat(lines, "\n", first, info.lastlinedefined)
  local last = #all - #lines[info.lastlinedefined]
  for start in all:gmatch "()function" do
    for stop in all:gmatch "end()" do
      if start <= #lines[first] and stop > last then
        local found = plain((all:sub(start, stop - 1):gsub("^function%s+[%w_.:]+%s*%(",
          "function(")))
        if found then
          local indent = lines[info.lastlinedefined]:match "^ *"
          return (found:gsub("\n" .. indent, "\n  "))
        end
      end
    end
  end
  return nil
end

local function paste(options, case, check)
  local out = {}
  local function add(...)
    out[#out + 1] = string.format(...)
  end
  add("function test_seed_%d()", case.seed)
  add("  local world = sim.world { seed = %d,", case.seed)
  for _, name in ipairs(FIELDS) do
    if options[name] ~= nil then
      add("    %s = %s,", name, literal(options[name]))
    end
  end
  if options.files then
    add("    files = %s,", files(options.files, case.sizes))
  end
  add "  }"
  for _, rule in ipairs(case.rules) do
    out[#out + 1] = "  " .. rule
  end
  local text = check and source(check)
  if text then
    out[#out + 1] = "  local check = " .. text
  elseif check then
    add "  local check = function(world, report) end -- put yours here"
  end
  local inner = case.runs > 1 and "    " or "  "
  if case.runs > 1 then
    add("  for run = 1, %d do", case.runs)
    if case.pause > 0 then
      add("    if run > 1 then world:advance(%d) end", case.pause)
    end
  end
  add("%slocal report = world:run()", inner)
  add("%sif report.outcome == \"crashed\" then world:restart { power = %s } end", inner, case.power)
  if check then
    add("%scheck(world, report)", inner)
  end
  if case.runs > 1 then
    add "  end"
  end
  add "end"
  return table.concat(out, "\n")
end

return function(options, case, message, check, how)
  message = message:gsub("LuaUnit test FAILURE: ", "")
  return ("sim.forall: %s (%s)\n\n-- A test to paste:\n%s\n"):format(message, how,
    paste(options, case, check))
end
