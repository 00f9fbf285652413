-- What tests have of Lua's libraries, and what they do not.
local lu = require "luaunit"

TestStandard = {}

function TestStandard:test_refuses_what_changes_the_machine()
  for name, call in pairs {
    ["os.execute"] = function() os.execute "true" end,
    ["os.remove"] = function() os.remove "x" end,
    ["os.rename"] = function() os.rename("x", "y") end,
    ["os.tmpname"] = function() os.tmpname() end,
    ["os.setlocale"] = function() os.setlocale "C" end,
    ["os.exit"] = function() os.exit(0) end,
    ["io.popen"] = function() io.popen "ls" end,
    ["io.tmpfile"] = function() io.tmpfile() end,
    ["io.open(\"x\", \"w\")"] = function() io.open("x", "w") end,
    ["io.open(\"x\", \"r+\")"] = function() io.open("x", "r+") end,
    ["package.loadlib"] = function() package.loadlib("x.so", "*") end,
    ["debug.sethook"] = function() debug.sethook() end,
  } do
    lu.assertErrorMsgContains(name .. " is refused: ", call)
  end
end

function TestStandard:test_refuses_sockets()
  for _, name in ipairs { "socket", "socket.http", "ssl", "cqueues", "posix.unistd" } do
    lu.assertErrorMsgContains(("require %q is refused: tests have no network"):format(name),
      require, name)
  end
  lu.assertErrorMsgContains("tests have require \"akosha.testing\"", require, "akosha")
  lu.assertErrorMsgContains("module 'no.such' not found", require, "no.such")
end

function TestStandard:test_reads_below_its_folder_only()
  local text = io.open "tests/lua/testing/standard_test.lua":read "a"
  lu.assertStrContains(text, "What tests have of Lua's libraries")
  for _, call in ipairs {
    function() io.open "/etc/passwd" end, function() io.lines "/etc/passwd" end,
    function() loadfile "/etc/passwd" end, function() dofile "/etc/passwd" end,
    function() io.open "tests/../../../../etc/passwd" end,
  } do
    local _, message = pcall(call)
    lu.assertStrContains(message, "lies outside")
  end
  local path = package.path
  package.path = "/etc/?"
  local _, message = pcall(require, "passwd")
  package.path = path
  lu.assertStrContains(message, "/etc/passwd lies outside")
  lu.assertEquals({ io.open "none" }, { nil, "none: No such file or directory", 2 })
end

function TestStandard:test_reads_files_as_lua_does()
  local file = io.open "tests/lua/testing/data.txt"
  lu.assertEquals(io.type(file), "file")
  lu.assertEquals(file:read(), "first line")
  lu.assertEquals(file:read "L", "second line\n")
  lu.assertEquals({ file:read("n", "n", 1) }, { 12, -3.5, "\n" })
  lu.assertEquals(file:seek "cur", 31)
  lu.assertEquals(file:read "a", "last")
  lu.assertEquals(file:read "a", "")
  lu.assertNil(file:read())
  lu.assertEquals(file:seek("set", 6), 6)
  lu.assertEquals(file:read "l", "line")
  lu.assertErrorMsgContains("writing to files is refused", file.write, file, "x")
  file:close()
  lu.assertEquals(io.type(file), "closed file")
  lu.assertErrorMsgContains("closed file", file.read, file)
  local lines = {}
  for line in io.lines "tests/lua/testing/data.txt" do
    lines[#lines + 1] = line
  end
  lu.assertEquals(lines, { "first line", "second line", "12 -3.5", "last" })
end

function TestStandard:test_finds_modules_beside_it()
  lu.assertEquals(require "helper".answer, 42)
  lu.assertIs(require "helper", package.loaded.helper)
end

function TestStandard:test_time_stands_still_and_chance_is_seeded()
  lu.assertEquals(os.time(), 1795416300)
  lu.assertEquals(os.date "%Y-%m-%dT%H:%M:%S", "2026-11-23T06:45:00")
  lu.assertEquals(os.date("!%H", 3600), "01")
  lu.assertEquals(os.time { year = 2000, month = 2, day = 30, hour = 0 }, 951868800)
  lu.assertEquals(os.time { year = 1970, month = 1, day = 1, hour = 0 }, 0)
  lu.assertTrue(os.clock() < os.clock())
  lu.assertNil(os.getenv "HOME")
end

function TestStandard:test_pairs_goes_in_order()
  local keys = {}
  for key in pairs { b = 1, [2] = 1, a = 1, [1] = 1, [0.5] = 1 } do
    keys[#keys + 1] = key
  end
  lu.assertEquals(keys, { 0.5, 1, 2, "a", "b" })
  local own = setmetatable({}, { __pairs = function() return function() end end })
  for _ in pairs(own) do
    lu.fail "it has its own"
  end
  local t = { 1, 2, 3 }
  for key in pairs(t) do
    t[key] = nil
  end
  lu.assertEquals(next(t), nil)
end

function TestStandard:test_loads_text_alone()
  lu.assertEquals(load "return 1 + 1"(), 2)
  lu.assertEquals(load("return x", "=x", "bt", { x = 3 })(), 3)
  lu.assertNil((load(string.dump(function() end))))
end

return lu.LuaUnit.run()
