-- Asks the paths of a file in turn, under the header given; reports one JSON document.
local paths, headers, place = {}, {}, 0

function init(arguments)
    for line in io.lines(arguments[1]) do paths[#paths + 1] = line end
    place = tonumber(arguments[2])
    if arguments[3] then headers["X-API-Key"] = arguments[3] end
end

function request()
    place = place + 1
    return wrk.format("GET", paths[(place - 1) % #paths + 1], headers)
end

function done(summary, latency, _)
    local errors = summary.errors.status + summary.errors.timeout + summary.errors.connect + summary.errors.read
    io.write(string.format(
        '\n{"requests": %d, "seconds": %f, "errors": %d, "p95_ms": %f}\n',
        summary.requests, summary.duration / 1e6, errors, latency:percentile(95) / 1000
    ))
end
