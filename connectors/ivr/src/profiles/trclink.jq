# 天润融通 (TRClink, CTI-Cloud): pushes as forms or JSON; the console chooses the fields, these are its standard names. Times
# are UNIX seconds. cdr_call_type 1: 呼入. cdr_mark 1: 留言.
def at: if (. // "") == "" then null else (tonumber | if . > 100000000000 then . / 1000 else . end | floor | if . > 0 then todate else null end) end;
(.body + .query)
| (.cdr_main_unique_id // .mainUniqueId // .uniqueId // "") as $call
| ((.cdr_call_type // .callType // "1") | tostring) as $type
| ((.cdr_status // .status // "") | tostring) as $status
| ((.cdr_mark // .mark // "") | tostring) as $mark
| if $call == "" or (["3", "4", "5", "6", "7"] | any(. == $type)) then empty else
    { call: $call } as $event
    | (if (.cdr_customer_number // .customerNumber // null) == null then empty
       else $event + { id: "started/\($call)", type: "started", at: (.cdr_start_time // .startTime | at),
         caller: (.cdr_customer_number // .customerNumber), called: (.cdr_hotline // .hotline // .cdr_number_trunk // null) } end),
      (if ((.keys // .cdr_ivr_keys // .digits // "") | tostring) == "" then empty
       else $event + { id: "menu/\($call)/\(.keys // .cdr_ivr_keys // .digits)", type: "menu",
         digits: (.keys // .cdr_ivr_keys // .digits) } end),
      (if ((.cdr_record_file // .recordFile // .recordUrl // "") | test("^https?://"; "i")) then
         $event + { id: "recording/\($call)", type: "recording",
           recording: { url: (.cdr_record_file // .recordFile // .recordUrl) } }
       else empty end),
      (if (.asrText // .asr_text // "") == "" then empty
       else $event + { id: "transcript/\($call)/\(.asrId // "")", type: "transcript", text: (.asrText // .asr_text) } end),
      (if (.cdr_end_time // .endTime // null) == null then empty
       else $event + { id: "ended/\($call)", type: "ended", at: (.cdr_end_time // .endTime | at),
         seconds: (((.cdr_end_time // .endTime) | tonumber) as $end
           | ((.cdr_bridge_time // .cdr_answer_time // .bridgeTime // .answerTime // "") | tostring) as $from
           | if $from == "" or $from == "0" then 0 else ([$end - ($from | tonumber), 0] | max) end),
         reason: (if $status == "1" then "transferred"
                  elif $mark == "1" or $status == "3" or $status == "" then "hangup" else "abandoned" end) } end),
      (if (.sv_keys // .cdr_investigation_keys // .investigationKeys // "") == "" then empty
       else $event + { id: "satisfaction/\($call)", type: "satisfaction",
         score: (.sv_keys // .cdr_investigation_keys // .investigationKeys) } end)
  end
