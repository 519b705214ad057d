# 华为云客服 (AICC): 话单与呼叫事件推送. `callData` is JSON in a text, or an object.
def at: if . == null or . == "" then null
  elif type == "number" or (tostring | test("^[0-9]+$")) then
    (tonumber | if . > 100000000000 then . / 1000 else . end | floor | todate)
  elif test("Z$|[+-][0-9][0-9]:[0-9][0-9]$") then . else (sub(" "; "T") + "+08:00") end;
.body
| . + (if (.callData | type) == "string" then ((.callData | fromjson) // {})
       elif (.callData | type) == "object" then .callData else {} end)
| (.callSerialNo // .callId // .callid // "") as $call
| if $call == "" or ((.isCallIn // true) | tostring | . == "false" or . == "0") then empty else
    { call: $call } as $event
    | ($event + { id: "started/\($call)", type: "started", at: (.beginTime // .callBegin | at),
        caller: (.caller // .callerNo // .calling // null), called: (.called // .calleeNo // null) }),
      (if ((.digits // .keyPressed // "") | tostring) == "" then empty
       else $event + { id: "menu/\($call)", type: "menu", digits: (.digits // .keyPressed) } end),
      (if ((.recordUrl // .recordFileUrl // .fileUrl // "")) == "" then empty
       else $event + { id: "recording/\($call)", type: "recording",
         recording: { url: (.recordUrl // .recordFileUrl // .fileUrl), seconds: (.recordDuration // null) } } end),
      (if (.endTime // .callEnd // null) == null then empty
       else $event + { id: "ended/\($call)", type: "ended", at: (.endTime // .callEnd | at),
         seconds: (.callDuration // .duration // null),
         reason: (if (.agentId // .workNo // "") | tostring | . != "" and . != "0" then "transferred"
                  elif (.callDuration // .duration // 0 | tonumber) > 0 then "hangup" else "abandoned" end) } end),
      (if (.satisfaction // .satisfactionLevel // null) == null then empty
       else $event + { id: "satisfaction/\($call)", type: "satisfaction", score: (.satisfaction // .satisfactionLevel) } end)
  end
