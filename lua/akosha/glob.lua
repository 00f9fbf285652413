-- Names with stars: * stands for any letters, also for none, ? for one. Walked by hand, because
-- Lua's own patterns are refused where several of their stars meet a long text.
local STAR, ONE = ("*?"):byte(1, 2)

local function matches(glob, name)
  local at, letter = 1, 1
  local star, again -- where to go on, and from which letter, if the star takes one more
  while letter <= #name do
    local byte = glob:byte(at)
    if byte == STAR then
      star, again = at, letter
      at = at + 1
    elseif byte and (byte == ONE or byte == name:byte(letter)) then
      at, letter = at + 1, letter + 1
    elseif star then
      again = again + 1
      at, letter = star + 1, again
    else
      return false
    end
  end
  while glob:byte(at) == STAR do
    at = at + 1
  end
  return at > #glob
end

return { matches = matches }
