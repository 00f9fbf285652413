-- The header pages of a DuckDB database without a block (src/data/duckdb_file.h): what stands
-- behind them does not matter.

-- A page with its checksum in front.
local function page(text)
  local sum = 5381
  text = text .. ("\0"):rep(4088 - #text)
  for at = 1, #text, 8 do
    sum = sum ~ ("<i8"):unpack(text, at) * 0xbf58476d1ce4e5b9
  end
  return ("<i8"):pack(sum) .. text
end

local function header(iteration)
  return page(("<i8i8i8i8i8"):pack(iteration, -1, -1, 0, 16384))
end

return page("DUCK" .. ("<i8"):pack(64)) .. header(1) .. header(2)
