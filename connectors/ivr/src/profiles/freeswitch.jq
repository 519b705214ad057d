# FreeSWITCH, mod_json_cdr: one record of a leg at its hang-up, as JSON or as the form field `cdr`. By default the values are
# URL-encoded once more (encode-values). A leg that the switch called itself (B leg) is no call of a citizen's.
def plain: if type == "string" then @urid else . end;
def at: if (. // "") == "" then null else (tonumber | if . > 0 then todate else null end) end;
(.body.cdr // .body)
| (if type == "string" then fromjson else . end)
| (.variables // {} | map_values(plain)) as $v
| (.callflow // [] | if type == "array" then (first // {}) else . end | .caller_profile // {} | map_values(plain)) as $profile
| ($v.uuid // $v.call_uuid // .["core-uuid"] // "") as $call
| (if ($v.answer_epoch // "0" | tostring) == "0" then false else true end) as $answered
| if $call == "" or ($v.direction // "inbound") == "outbound" then empty else
    { call: $call, id: "started/\($call)", type: "started", at: ($v.start_epoch | at),
      caller: ($v.caller_id_number // $v.sip_from_user // $profile.caller_id_number // null),
      called: ($v.destination_number // $v.sip_to_user // $profile.destination_number // null) },
    (if ($v.digits_dialed // "") == "" or $v.digits_dialed == "none" then empty
     else { call: $call, id: "menu/\($call)", type: "menu", digits: $v.digits_dialed } end),
    (if ($v.record_url // $v.recording_url // "") == "" then empty
     else { call: $call, id: "recording/\($call)", type: "recording",
       recording: { url: ($v.record_url // $v.recording_url), seconds: ($v.record_seconds // null) } } end),
    { call: $call, id: "ended/\($call)", type: "ended", at: ($v.end_epoch | at), seconds: ($v.billsec // 0),
      reason: (if ($v.bridge_uuid // $v.last_bridge_to // "") != "" then "transferred"
               elif $answered then "hangup"
               elif ($v.hangup_cause // "") == "ORIGINATOR_CANCEL" or ($v.hangup_cause // "") == "NO_ANSWER"
                 or ($v.hangup_cause // "") == "NORMAL_CLEARING" then "abandoned"
               else "failed" end) }
  end
