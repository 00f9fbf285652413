std = "lua54"
max_line_length = 100
-- A test class is a global that LuaUnit finds by its name, and its methods need no self. Texts of policies
-- and what is expected of them stay on one line.
files["tests/script"] = { allow_defined_top = true, self = false, max_line_length = 160 }
files["tests/lua"] = { allow_defined_top = true, self = false, max_line_length = 160 }
files["tests/script/bad_policies_test.lua"] = { max_line_length = false }
-- Annotations for editors: functions without bodies.
files["lua/akosha/types.lua"] = { unused_args = false }
-- What the tests' own Lua state replaces of the standard library, and what a file of tests may define.
files["lua/testing"] = { ignore = { "121", "122" }, read_globals = { "setupSuite", "teardownSuite" } }
