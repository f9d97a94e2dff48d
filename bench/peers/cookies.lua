-- Requests with one cookie after the other from the file named in COOKIES, without end.
local requests, turn = {}, 0

function init()
  for line in io.lines(os.getenv("COOKIES")) do
    requests[#requests + 1] = wrk.format(nil, nil, { Host = wrk.headers["Host"], Accept = "text/html", Cookie = line })
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
