-- Routes: what the field `route` can be. A route is made of names of targets, lists of names (the
-- first that takes the source has it), mirrors, other routes, and functions of one's own.
local core = ...

local route = {}

local function no_opinion() end

-- A function that answers with names or a mirror, if it is not one already.
local function answering(what, value)
  if type(value) == "function" then
    return value
  end
  local names = core.names(what, value)
  return core.whole(function()
    return names
  end)
end

-- These targets in this order: the first that takes the source has it.
function route.first(names)
  return answering("akosha.route.first", names)
end

-- A mirror: the source goes to all of these targets, and is owed until every one of them holds it.
function route.all(names)
  return core.mirror("akosha.route.all", names)
end

-- A mirror as well, and what is sent is delivered as soon as so many of its targets hold it.
function route.quorum(needed, names)
  return core.mirror("akosha.route.quorum", names, needed)
end

-- One route for the sources that a predicate holds for, another for the others. Without the other
-- one, those go as if there were no route.
function route.when(predicate, yes, otherwise)
  local what = "akosha.route.when"
  if type(predicate) ~= "function" and getmetatable(predicate) ~= "akosha.match" then
    core.expected(what, "a predicate (akosha.match.kind \"duckdb\") or a function", predicate)
  end
  yes = answering(what, yes)
  otherwise = otherwise == nil and no_opinion or answering(what, otherwise)
  return core.whole(function(source, targets, now)
    return (predicate(source, now) and yes or otherwise)(source, targets, now)
  end, yes, otherwise)
end

-- A route for each kind of source; `default` for the kinds that are not named.
function route.by_kind(routes)
  local what = "akosha.route.by_kind"
  local by_kind = core.take(what, routes, "duckdb", "sqlite", "file", "default")
  local default, ways = no_opinion, {}
  for kind, value in pairs(by_kind) do
    by_kind[kind] = answering(what .. ": " .. kind, value)
    ways[#ways + 1] = by_kind[kind]
  end
  default = by_kind.default or default
  return core.whole(function(source, ...)
    return (by_kind[source.kind] or default)(source, ...)
  end, default, table.unpack(ways))
end

return route
