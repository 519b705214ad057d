# 阿里云语音服务: VoiceReport (呼叫记录) and VoiceRecordReport (录音记录), one element of the array. Times are Beijing's.
def at: if (. // "") == "" then null else (sub(" "; "T") + "+08:00") end;
def seconds: if . == null then null else (tostring | gsub("[^0-9.]"; "") | if . == "" then null else tonumber end) end;
.body
| if (.call_id // "") == "" then empty
  elif (.record_file // "") != "" then
    { call: .call_id, id: "recording/\(.call_id)", type: "recording", at: (.end_time | at),
      recording: { url: .record_file, seconds: (.duration | seconds) } }
  else
    { call: .call_id, id: "started/\(.call_id)", type: "started", at: (.originate_time // .start_time | at),
      caller: .caller, called: .callee },
    (if ((.dtmf // "") | tostring) == "" then empty
     else { call: .call_id, id: "menu/\(.call_id)", type: "menu", digits: (.dtmf | tostring) } end),
    (if .end_time == null and .duration == null then empty
     else { call: .call_id, id: "ended/\(.call_id)", type: "ended", at: (.end_time | at), seconds: (.duration | seconds),
       reason: (if ((.duration | seconds) // 0) > 0 then "hangup" else "abandoned" end) } end)
  end
