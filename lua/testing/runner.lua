-- Loads a file of tests and runs them, each with a seed and a limit of its own. What a test is, and
-- what its failures say, is LuaUnit's.
local core = ...

local OUTCOMES = { FAIL = "failed", ERROR = "error", SKIP = "skipped" }

local function luaunit()
  local exit = os.exit
  local ok, lu = pcall(require, "luaunit")
  os.exit = exit -- LuaUnit puts its own in front
  if not ok and tostring(lu):find "module 'luaunit' not found" then
    core.stop("settings", ("%s: LuaUnit, which tests are written with, is not installed")
      :format(core.file), "apt install lua-unit")
  elseif not ok then
    core.stop("settings", ("%s: LuaUnit does not load: %s"):format(core.file, lu))
  end
  core.prefix(lu.FAILURE_PREFIX or "")
  return lu
end

-- `return lu.LuaUnit.run()` and `os.exit(lu.LuaUnit.run())` end a file of tests wherever else it is
-- run: here they say that it has ended.
local function ended(lu, listed)
  local refuse = os.exit
  local called = false
  local mark = {}
  local function run()
    called = true
    return 0
  end
  local function run_listed(_, list)
    for _, pair in ipairs(type(list) == "table" and list or {}) do
      listed[#listed + 1] = pair
    end
    return run()
  end
  lu.LuaUnit.run, lu.LuaUnit.runSuite, lu.LuaUnit.runSuiteByInstances = run, run, run_listed
  lu.run, lu.Run = run, run
  os.exit = function(...)
    if called then
      error(mark, 0)
    end
    return refuse(...)
  end
  return mark, refuse
end

local function with_file(message)
  return message:find(core.file, 1, true) and message or core.file .. ": " .. message
end

local function load_tests(lu, text)
  local listed = {}
  local chunk, why = load((text:gsub("^#[^\n]*", "")), "@" .. core.file)
  if not chunk then
    core.stop("policy", with_file(why))
  end
  local mark, refuse = ended(lu, listed)
  core.begin("")
  local ok, message = core.guard(function()
    local fine, raised = xpcall(chunk, function(e)
      return e ~= mark and type(e) ~= "string" and tostring(e) or e
    end)
    if not fine and raised ~= mark then
      error(raised, 0)
    end
  end)
  os.exit = refuse
  core.finish()
  if not ok then
    core.stop(message:find "MiB of memory$" and "limit" or "policy", with_file(message))
  end
  return listed
end

-- { name, class or nil, instance or nil, function } of each test, in LuaUnit's order.
local function collect(lu, listed)
  local tests, seen = {}, {}
  local function add(name, value)
    if seen[name] then
      return
    end
    seen[name] = true
    if type(value) == "function" then
      tests[#tests + 1] = { name = name, method = value }
    elseif type(value) == "table" then
      for key, method in pairs(value) do
        if type(key) == "string" and type(method) == "function"
          and lu.LuaUnit.isMethodTestName(key) then
          tests[#tests + 1] = { name = name .. "." .. key, class = name, instance = value,
                                method = method }
        end
      end
    end
  end
  for name, value in pairs(_G) do
    if type(name) == "string" and lu.LuaUnit.isTestName(name) then
      add(name, value)
    end
  end
  for _, pair in ipairs(listed) do
    add(pair[1], pair[2])
  end
  return tests
end

-- A function of the test's under the limits: nothing, or its status and message.
local function call(runner, instance, method, name)
  local ok, result = core.guard(runner.protectedCall, runner, instance, method, name)
  if not ok then
    return "ERROR", result
  elseif result.status == "SUCCESS" then
    return nil
  end
  local message = tostring(result.msg)
  local trace = result.trace
  if result.status == "ERROR" and type(trace) == "string" and trace:find "\n.*\n" then
    message = message .. "\n" .. trace
  end
  return result.status, message
end

local function fixture(runner, instance, names, what)
  for _, name in ipairs(instance and names or {}) do
    if type(instance[name]) == "function" then
      return call(runner, instance, instance[name], what .. "." .. name)
    end
  end
end

local SET_UP = { "setUp", "Setup", "setup", "SetUp" }
local TEAR_DOWN = { "tearDown", "TearDown", "teardown", "Teardown" }

local function run_test(runner, test, broken)
  math.randomseed(core.begin(test.name))
  local status, message = broken and "ERROR", broken
  if not status then
    status, message = fixture(runner, test.instance, SET_UP, test.class or "")
    if not status then
      status, message = call(runner, test.instance, test.method, test.name)
    end
    local late, late_message = fixture(runner, test.instance, TEAR_DOWN, test.class or "")
    if not status then
      status, message = late, late_message
    end
  end
  local idle, unrun = core.finish()
  if not status and idle then
    status, message = "FAIL", idle
  elseif status and status ~= "SKIP" and unrun and not message:find(unrun, 1, true) then
    message = message .. "\nthe run did not begin: " .. unrun
  end
  core.result(test.name, OUTCOMES[status] or "passed", message or "")
end

-- A class or a suite as a whole: its message if it is broken.
local function whole(runner, instance, name, what)
  if type(instance) == "table" and type(instance[name]) == "function" then
    core.begin(what .. name)
    local status, message = call(runner, instance, instance[name], what .. name)
    local idle = core.finish()
    if status and status ~= "SKIP" then
      return ("%s%s: %s"):format(what, name, message)
    end
    return idle
  end
end

return function(text)
  local lu = luaunit()
  local runner = lu.LuaUnit.new()
  local tests = {}
  for _, test in ipairs(collect(lu, load_tests(lu, text))) do
    if core.wanted(test.name) then
      tests[#tests + 1] = test
    end
  end
  local suite = { setupSuite = setupSuite, teardownSuite = teardownSuite }
  local broken = #tests > 0 and whole(runner, suite, "setupSuite", "")
  local class, class_broken
  for i, test in ipairs(tests) do
    if i == 1 or test.class ~= class then
      class = test.class
      class_broken = whole(runner, test.instance, "setupClass", (class or "") .. ".")
    end
    run_test(runner, test, broken or class_broken)
    local after = tests[i + 1]
    if class and (not after or after.class ~= class) then
      local late = whole(runner, test.instance, "teardownClass", class .. ".")
      if late then
        core.result(class .. ".teardownClass", "error", late)
      end
    end
  end
  local late = #tests > 0 and whole(runner, suite, "teardownSuite", "")
  if late then
    core.result("teardownSuite", "error", late)
  end
end
