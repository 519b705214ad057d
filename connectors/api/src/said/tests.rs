use super::*;
use std::sync::LazyLock;

static WORDS: LazyLock<Words> = LazyLock::new(Words::default);

fn said(text: &str) -> Said<'_> {
    Said::new(text, &WORDS)
}

fn ask(text: &str) -> Option<Ask> {
    said(text).asks()
}

fn progress(number: Option<&str>) -> Option<Ask> {
    Some(Ask::Progress { number: number.map(str::to_owned) })
}

fn act(intent: Intent, number: Option<&str>) -> Option<Ask> {
    Some(Ask::Act { intent, number: number.map(str::to_owned) })
}

#[test]
fn a_keyword_alone_or_with_a_number_asks() {
    let number = Some("20261122-000123-4");
    assert_eq!(ask(" 进度？"), progress(None));
    assert_eq!(ask("查询进度 20261122-000123-4"), progress(number));
    assert_eq!(ask("进度：２０２６１１２２－０００１２３－４。"), progress(number));
    assert_eq!(ask("20261122-000123-4"), progress(number));
    assert_eq!(ask("催办！"), act(Intent::Urge, None));
    assert_eq!(ask("催办20261122-000123-4 三天了"), act(Intent::Urge, number));
    assert_eq!(ask("催办：三天了没人来"), act(Intent::Urge, None));
    assert_eq!(ask("撤回"), act(Intent::Withdraw, None));
    assert_eq!(ask("撤回诉求 20261122-000123-4"), act(Intent::Withdraw, number));
}

#[test]
fn small_words_around_it_a_number_before_it_and_traditional_characters_change_nothing() {
    let number = Some("20261122-000123-4");
    for text in
        ["请问我的投诉进度", "查詢進度", "麻烦查一下进度，谢谢", "请问处理得怎么样了？", "办到哪一步了", "有结果了吗"]
    {
        assert_eq!(ask(text), progress(None), "{text}");
    }
    assert_eq!(ask("编号20261122-000123-4的进度"), progress(number));
    assert_eq!(ask("请问 20261122-000123-4 处理好了吗"), progress(number));
    for text in ["催辦", "我要催办", "請幫我催一下，謝謝", "再次催办！", "能不能催一下", "麻烦帮忙催办：都三天了"]
    {
        assert_eq!(ask(text), act(Intent::Urge, None), "{text}");
    }
    assert_eq!(ask("20261122-000123-4 催办"), act(Intent::Urge, number));
    for text in
        ["撤訴", "我要撤诉", "申请撤销投诉", "问题已解决，撤诉", "取消投诉，谢谢", "不投诉了", "把我的投诉撤回吧"]
    {
        assert_eq!(ask(text), act(Intent::Withdraw, None), "{text}");
    }
    assert_eq!(ask("请撤回编号20261122-000123-4的诉求"), act(Intent::Withdraw, number));
}

#[test]
fn haste_in_other_words_is_asked_for_where_nothing_else_is_said() {
    let haste = |text| said(text).is_haste();
    assert!(["请尽快处理，谢谢！", "怎么還沒人來處理？", "麻烦加急"].into_iter().all(haste));
    assert!(!["请尽快处理路灯", "加急维修水管", "怎么还没人来修电梯", "谢谢", ""].into_iter().any(haste));
}

#[test]
fn an_urgent_word_counts_anywhere_and_an_end_only_by_itself() {
    let (urgent, end) = (|text| said(text).is_urgent(), |text| said(text).is_end());
    assert!(urgent("滨江花园三楼着火了，快来人") && urgent("救命！") && urgent("樓上著火了，有人觸電"));
    assert!(!urgent("路灯坏了，请尽快维修"));
    assert!(["說完了", "完畢！", "完毕。", " 没有了！", "提交"].into_iter().all(end));
    assert!(!["材料提交", "我的押金没有了", "。"].into_iter().any(end));
}

#[test]
fn a_rating_is_a_digit_and_nothing_else() {
    let score = |text| said(text).rating();
    assert_eq!(["5", " 1。", "３", "4分", "5星"].map(score), [Some(5), Some(1), Some(3), Some(4), Some(5)]);
    assert_eq!(["0", "6", "55", "5楼", "5 4", "", "分"].map(score), [None; 7]);
}

#[test]
fn a_rating_may_be_said_in_words() {
    let score = |text| said(text).rating();
    let scores = ["非常满意", "滿意，謝謝！", "一般", "不满意：没人来", "很不满意", "对处理结果满意"].map(score);
    assert_eq!(scores, [Some(5), Some(4), Some(3), Some(2), Some(1), Some(4)]);
    assert_eq!(["物业的答复我不满意", "满意度调查是谁做的", "一般几点下班"].map(score), [None; 3]);
}

#[test]
fn what_adds_to_something_and_what_is_only_polite_says_so() {
    let (is_more, is_courtesy) = (|text: &&str| said(text).is_more(), |text: &&str| said(text).is_courtesy());
    let more = [
        "补充：靠近东门的那盏",
        "補充一下是東門那盞",
        "再补充一点，晚上更吵",
        "具体地址是滨河路88号",
        "我的电话是13800138000",
    ];
    let not: Vec<_> = more.iter().filter(|text| !is_more(text)).collect();
    assert!(not.is_empty(), "{not:?}");
    let other = [
        "补充养老保险怎么交",
        "补充",
        "小区垃圾没人收",
        "地址变更怎么办理",
        "地址：滨河路88号，路灯坏了",
        "",
        "具体位置滨河路88号，楼下施工噪声很大，已经持续三天，老人整夜无法入睡，请城管制止",
    ];
    assert!(!other.iter().any(is_more));
    assert!(["谢谢！", "好的，謝謝", "收到", "OK", "嗯嗯"].iter().all(is_courtesy));
    assert!(!["谢谢，可是还是没有修好", "好的事情", ""].iter().any(is_courtesy));
    assert_eq!(said("还是不亮（20261122-000123-4）").number(), Some("20261122-000123-4"));
}

#[test]
fn everything_else_is_an_appeal() {
    let appeals = [
        "",
        "路灯坏了",
        "进度太慢了，我要投诉",
        "查询社保",
        "撤销他的执照",
        "撤回 那个公告",
        "加急维修水管",
        "催办理由不清",
        "13800138000",
        "12345",
        "20261122",
        "20261122-000123",
        "2026-11-22",
        "20269922-000123-4",
        "511102199001011234",
        "20261122-000123-4 路灯坏了",
        "撤销投诉物业的处罚",
        "我不想撤诉",
        "可以撤诉吗",
        "投诉怎么撤回",
        "物业逼我撤诉",
        "请催一下物业修电梯",
        "投诉老板欠薪，请问怎么处理",
        "申请低保进度太慢",
        "查询一下我的公积金",
        "取消高铁站的投诉",
        "20261122-000123-4 20261122-000124-2",
    ];
    for text in appeals {
        assert_eq!(ask(text), None, "{text}");
    }
}

#[test]
fn without_hyphens_the_check_digit_decides() {
    let right: Vec<_> = (0..10).filter(|check| ask(&format!("20261122000123{check}")).is_some()).collect();
    assert_eq!(right.len(), 1);
}

#[test]
fn traditional_answers_and_questions_are_understood_by_their_words() {
    for text in ["有答覆嗎", "有沒有回覆", "處理得怎麼樣了"] {
        assert_eq!(ask(text), progress(None), "{text}");
    }
    assert!(said("為甚麼還沒有答覆").is_haste() && said("怎麼還不回覆").is_haste());
}

/// Texts of all lengths about those at which a question is answered without folding: of words that count and small words
/// around them, with marks, letters that vanish, and such as become several.
fn about_the_limits(words: &Words) -> Vec<String> {
    let names = ["haste", "courtesy", "end", "around", "urge", "progress", "supplement", "rating.4"];
    let keywords: Vec<&str> =
        names.iter().flat_map(|name| words.keywords(&format!("keywords.{name}"))).map(String::as_str).collect();
    let mut texts: Vec<String> = keywords.iter().map(|word| (*word).to_owned()).collect();
    for (small, between) in
        [("请", ""), ("请", "，"), ("好", ""), ("ok", " "), ("謝謝", "\u{200b}"), ("没", "　　"), ("㈱", "")]
    {
        for times in [1, 5, 29, 30, 31, 57, 58, 59, 60, 61, 130] {
            let run = vec![small; times].join(between);
            texts.extend(keywords.iter().step_by(17).flat_map(|word| {
                [
                    format!("{run}{between}{word}"),
                    format!("{word}{between}{run}"),
                    format!("{run}20261122-000123-4{word}"),
                ]
            }));
            texts.push(run);
        }
    }
    texts
}

#[test]
fn what_length_alone_answers_is_answered_as_by_reading() {
    let list = |name: &str| WORDS.keywords(&format!("keywords.{name}"));
    let mut yes = [0; 3];
    let texts = about_the_limits(&WORDS);
    for text in &texts {
        let said = said(text);
        let rest = number::parted(text).map_or(text.clone(), |(_, rest)| rest);
        let read = [
            is_only(&plain(&rest), list("haste"), [list("around"), list("asking")], false),
            is_only(&plain(text), list("courtesy"), [list("courtesy"), &[]], false),
            list("end").contains(&plain(text)),
        ];
        assert_eq!([said.is_haste(), said.is_courtesy(), said.is_end()], read, "{text}");
        yes.iter_mut().zip(read).for_each(|(yes, read)| *yes += usize::from(read));
    }
    assert!(yes.iter().all(|yes| *yes > 10), "{yes:?} of {}", texts.len());
}

#[test]
fn what_is_long_is_not_folded_to_answer_by_its_length() {
    let text = "小区门口的路灯坏了一个星期晚上看不见路".repeat(4);
    let said = said(&text);
    assert!(!said.is_haste() && !said.is_courtesy() && !said.is_end());
    assert_eq!((said.whole.get(), said.rest.get()), (None, None));
    assert!(said.asks().is_none() && said.rating().is_none() && !said.is_more());
    assert!(said.whole.get().is_some() && said.rest.get().is_none(), "once for all");
}

#[test]
fn of_a_text_without_end_the_beginning_is_folded_and_what_is_not_read_is_no_silence() {
    let far = |word: &str, after: &str| format!("{word}{}{after}", " ".repeat(3_000));
    assert!(plain(&"a ﷺ ".repeat(100_000)).chars().count() < MOST * 20);
    assert_eq!(ask(&far("进度", "太慢了，我要投诉")), None, "an appeal");
    assert_eq!(ask(&far("20261122-000123-4", "路灯坏了")), None);
    assert_eq!(ask(&far("撤回", "")), None, "rather read by a person than taken back");
    assert_eq!(ask(&far("催办", "三天了")), act(Intent::Urge, None));
    assert_eq!(said(&far("5", "楼的电梯坏了")).rating(), None);
    assert!(said(&far("补充一下", "是东门那盏")).is_more());
}
