# 腾讯云联络中心: action=cdr (话单), record (录音), voicemail (语音信箱). Of a record there is one for each party; the caller's
# and the agent's are both kept. Times are UNIX seconds.
def at: if . then (tonumber | if . > 0 then todate else null end) else null end;
def said($type; $call): { call: $call, type: $type, id: ($type + "/" + ($call | tostring)) };
.query.action as $action
| .body
| if (.SessionId // "") == "" then empty
  elif $action == "cdr" then
    if (.Direction // 0) != 0 then empty else
      .SessionId as $call
      | (.EndStatusString // (.EndStatus // 1 | tostring)) as $end
      | (said("started"; $call) + { at: (.StartTimestamp | at), caller: .Caller, called: .Callee }),
        ((.IVRKeyPressed // []) | to_entries[]
          | said("menu"; $call) + { id: "menu/\($call)/\(.key)", digits: (.value | tostring) }),
        (said("ended"; $call) + { at: (.EndedTimestamp | at), seconds: (.Duration // 0),
          reason: (if (["ivrGiveUp", "waitingGiveUp", "ringingGiveUp", "seatGiveUp", "noSeatOnline", "notWorkTime",
                        "102", "103", "104", "17", "105", "106"] | any(. == $end)) then "abandoned"
                   elif (["blackList", "error", "100"] | any(. == $end)) then "failed"
                   elif (.SeatUser // null) != null then "transferred"
                   else "hangup" end) }),
        ((.PostIVRKeyPressed // []) | last // empty
          | said("satisfaction"; $call) + { score: (.Key // null), text: (.Label // "") })
    end
  elif $action == "record" then
    said("recording"; .SessionId) + { id: "recording/\(.SessionId)/\(.RecordId)", at: (.Timestamp | at),
      recording: { url: (.CustomRecordURL // .RecordURL) } }
  elif $action == "voicemail" then
    (said("recording"; .SessionId) + { id: "voicemail/\(.SessionId)", at: (.Timestamp | at), recording: { url: .RecordURL } }),
    (said("started"; .SessionId) + { id: "voicemail-caller/\(.SessionId)", caller: .EndpointUser })
  else empty
  end
