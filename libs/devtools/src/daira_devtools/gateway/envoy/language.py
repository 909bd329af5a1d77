"""The language of the gateway's own answers, weighed as the services weigh it (`daira_web.languages`)."""

from daira_devtools.gateway.envoy.types import Config, named

SPACE, KEY, ARABIC = "daira", "language", "ar"
WEIGH = """
local function weight(parameters)
  local name, value = parameters:match("^%s*([^=]-)%s*=(.*)$")
  if name ~= "q" then return 1 end
  local number = value:match("^%s*[%d%.]+%s*$") and tonumber(value)
  if not number or number > 1 then return 0 end
  return number
end

function envoy_on_request(request)
  local heard = request:headers():get("accept-language")
  if not heard then return end
  local weights, first = {}, nil
  for entry in heard:lower():gmatch("[^,]+") do
    local tag, parameters = entry:match("^%s*([^;]-)%s*;(.*)$")
    local name = (tag or entry:match("^%s*(.-)%s*$")):match("^[^%-]*")
    if name == "ar" or name == "en" then
      first = first or name
      weights[name] = math.max(weights[name] or 0, weight(parameters or ""))
    end
  end
  local ar, en = weights.ar or 0, weights.en or -1
  local wins = ar > 0 and (ar > en or (ar == en and first == "ar"))
  request:streamInfo():dynamicMetadata():set("daira", "language", wins and "ar" or "en")
end
"""
_FIRST = {"header": {"name": "accept-language", "string_match": {"prefix": ARABIC, "ignore_case": True}}}


def weigh_languages() -> Config:
    """The filter that writes down for the answer which language its reader prefers."""
    return named("filters.http.lua", "extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": WEIGH})


def wants_arabic() -> Config:
    """A condition of an answer. A request that failed before any filter is judged by the first language it names."""
    failed_early = {"and_filter": {"filters": [_noted(or_nothing=True), {"header_filter": _FIRST}]}}
    return {"or_filter": {"filters": [_noted(or_nothing=False), failed_early]}}


def _noted(*, or_nothing: bool) -> Config:
    matcher = {"filter": SPACE, "path": [{"key": KEY}], "value": {"string_match": {"exact": ARABIC}}}
    return {"metadata_filter": {"matcher": matcher, "match_if_key_not_found": or_nothing}}
