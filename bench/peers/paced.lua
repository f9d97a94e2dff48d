-- Requests with a pause before each, of PAUSE ms in the mean: connections that do not know of each other.
local mean = tonumber(os.getenv("PAUSE"))

function delay()
  return math.floor(2 * mean * math.random() + 0.5)
end
