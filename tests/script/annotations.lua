-- Reads lua/akosha/types.lua: what it says there is, for tests that compare it with what there is.

local function quoted(text)
  local values = {}
  for value in text:gmatch '"([^"]*)"' do
    values[#values + 1] = value
  end
  return values
end

-- { names = { ["akosha.wait"] = "function" }, parameters = { ["akosha.s3"] = "akosha.S3Options" },
--   phases = { ["akosha.s3"] = "load" },
--   classes = { ["akosha.Source"] = { age = { type = "number", optional = true } } },
--   aliases = { ["akosha.Dedup"] = { "unchanged", "always" } },
--   context = { send = true } }
return function(text)
  local found = { names = {}, parameters = {}, phases = {}, classes = {}, aliases = {},
                  context = {} }
  local class, alias, parameter, phase
  for line in text:gmatch "[^\n]+" do
    local name = line:match "^%-%-%-@class ([%w.]+)"
    if name then
      class = {}
      found.classes[name] = class
    end
    local rest
    name, rest = line:match "^%-%-%-@field ([%w_?]+) (.*)$"
    if name then
      class[name:gsub("%?$", "")] = { type = rest:match '^"' and "string" or rest:match "^[%w.]+",
                                      list = rest:match "^[%w.]+%[%]" ~= nil,
                                      values = quoted(rest:match '^"[^ ]*' or ""),
                                      default = rest:match "%(([^()]*)%)%.?$",
                                      optional = name:find "%?$" ~= nil }
    end
    name, rest = line:match "^%-%-%-@alias ([%w.]+)(.*)$"
    if name then
      alias = quoted(rest)
      found.aliases[name] = alias
    elseif line:find "^%-%-%-| " then
      for _, value in ipairs(quoted(line)) do
        alias[#alias + 1] = value
      end
    end
    parameter = parameter or line:match "^%-%-%-@param [%w_?]+ ([%w.]+)"
    phase = line:match "^%-%-%-Phase: ([%l, ]+)%.$" or phase
    name = line:match "^function ([%w_.]+)%("
    if name then
      found.phases[name], phase = phase, nil
      found.names[name] = "function"
      found.parameters[name], parameter = parameter, nil
    end
    name = line:match "^function ctx:([%w_]+)%("
    if name then
      found.context[name], parameter = true, nil
    end
    name = line:match "^(akosha[%w_.]*) = {}"
    if name then
      found.names[name] = "table"
    end
  end
  for name, field in pairs(found.classes.akosha) do
    found.names["akosha." .. name] = field.type
  end
  return found
end
