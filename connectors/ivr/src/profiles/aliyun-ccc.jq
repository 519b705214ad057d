# 阿里云云联络中心: 事件通知. Times are UTC, milliseconds since 1970 or RFC 3339; payloads of some events are JSON in a text.
def at: if . == null then null elif type == "number" then (. / 1000 | floor | todate)
  elif test("^[0-9]+$") then (tonumber / 1000 | floor | todate)
  elif test("Z$|[+-][0-9][0-9]:[0-9][0-9]$") then . else (sub(" "; "T") + "Z") end;
.body
| (if (.data | type) == "string" then . + ((.data | fromjson) // {}) elif (.data | type) == "object" then . + .data else . end)
| if (.contactId // "") == "" or ((.callType // "INBOUND") | ascii_upcase | startswith("OUT")) then empty else
    { call: .contactId, id: "\(.contactId)/\(.eventType)/\(.channelId // "")", at: (.eventTime | at) } as $event
    | .eventType as $type
    | if $type == "Dialing" or $type == "Inbound" or $type == "ContactStarted" or $type == "Queueing" or $type == "EnqueueTask" then
        $event + { type: "started", caller: .caller, called: .callee }
      elif $type == "IvrTracking" then
        if ((.digits // .dtmf // "") | tostring) == "" then $event + { type: "started", caller: .caller, called: .callee }
        else $event + { type: "menu", digits: (.digits // .dtmf), id: "\($event.id)/\(.nodeId // "")/\(.eventTime // "")" } end
      elif $type == "Abandoned" then
        ($event + { type: "ended", reason: "abandoned", seconds: (.duration // null) }),
        ($event + { type: "started", id: "\($event.id)/caller", caller: .caller, called: .callee })
      elif $type == "Released" then
        ($event + { type: "ended", seconds: (.duration // null),
           reason: (if (.agentId // .agent // "") != "" then "transferred" else "hangup" end) }),
        ($event + { type: "started", id: "\($event.id)/caller", caller: .caller, called: .callee })
      elif $type == "RecordingReady" or $type == "DualTrackRecordingReady" or $type == "VoicemailReady" then
        $event + { type: "recording",
          recording: { url: (.recordingUrl // .url // .fileUrl // .recordFile), seconds: (.duration // null) } }
      elif $type == "SatisfactionSurveyResponse" then
        $event + { type: "satisfaction", score: (.satisfactionIndex // .score // .digits // null),
          text: (.satisfactionDescription // .satisfaction // "") }
      else $event + { type: "other" }
      end
  end
