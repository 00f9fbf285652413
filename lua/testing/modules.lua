-- `require`: LuaUnit, `akosha.testing`, and what lies below the tests' folder.
local core = ...

local SOCKETS = { "^socket", "^ssl", "^http%.", "^copas", "^cqueues", "^luv$", "^lluv", "^posix",
                  "^lanes", "^ljsyscall", "^openssl", "^resty", "^turbo", "^websocket" }

local sim = core.sim
for name, value in pairs { KiB = 1 << 10, MiB = 1 << 20, GiB = 1 << 30, kB = 1000, MB = 1000000,
                           second = 1, minute = 60, hour = 3600, day = 86400 } do
  sim[name] = value
end
sim.any = { rules_max = 4, crashes = true, disk = true, transient = false }

local folder = core.file:match "^(.*)/[^/]*$" or "."
local below = ("%s/?.lua;%s/?/init.lua;%s/?.lua;%s/?/init.lua"):format(folder, folder, core.root,
  core.root)
-- Some releases of the distribution stop at the folder of 5.3; LuaUnit is one file for all of them.
local system = package.path .. ";/usr/share/lua/5.3/?.lua"

local loaded = { ["akosha.testing"] = sim, _G = _G, package = package }
for _, name in ipairs { "coroutine", "table", "string", "math", "utf8", "os", "io", "debug" } do
  loaded[name] = _G[name]
end
local preload = {}

-- The module's text and where it was found; nil and where it was looked for.
local function find(name, path, anywhere)
  local tried = {}
  for template in path:gmatch "[^;]+" do
    local file = template:gsub("?", (name:gsub("%.", "/")))
    local text, why = core.read(file, anywhere)
    if text then
      return text, file
    elseif why == "outside" then
      return nil, nil, file
    end
    tried[#tried + 1] = "no file '" .. file .. "'"
  end
  return nil, table.concat(tried, "\n\t")
end

local function opens_sockets(name)
  for _, pattern in ipairs(SOCKETS) do
    if name:find(pattern) then
      return true
    end
  end
  return false
end

local function no_module(name, tried, outside)
  if opens_sockets(name) then
    return ("require %q is refused: tests have no network; a world simulates one"):format(name)
  elseif name == "akosha" or name:find "^akosha%." then
    return ("require %q: only in a policy; this is a test, and tests have"
      .. " require \"akosha.testing\""):format(name)
  elseif outside then
    return ("require %q: %s lies outside %s, and tests read below that folder only")
      :format(name, outside, core.root)
  end
  return ("module '%s' not found (tests have no modules in C):\n\t%s"):format(name, tried)
end

function require(name)
  if type(name) ~= "string" then
    error("require: expected the name of a module, got a " .. type(name), 2)
  end
  if loaded[name] ~= nil then
    return loaded[name]
  end
  local loader, where = preload[name], ":preload:"
  if not loader then
    local text, found, outside = find(name, package.path)
    if not text and name == "luaunit" then
      text, found = find(name, system, true)
    end
    if not text then
      error(no_module(name, found, outside), 2)
    end
    local chunk, why = load(text, "@" .. found)
    loader, where = chunk or error(why, 2), found
  end
  local value = loader(name, where)
  if value ~= nil then
    loaded[name] = value
  elseif loaded[name] == nil then
    loaded[name] = true
  end
  return loaded[name], where
end

package.path, package.cpath = below, ""
package.loaded, package.preload = loaded, preload
package.searchers, package.searchpath = nil, nil
function package.loadlib()
  error("package.loadlib is refused: tests have no modules in C", 2)
end
