//! Why, in words that an operator reads.

use crate::{
    features::{Features, at},
    places::Class,
};

pub(crate) fn new(score: f32) -> String {
    if score > 0.0 {
        format!("未发现同一事项（最相近的相似度 {score:.2}）")
    } else {
        "未发现同一事项".into()
    }
}

/// Too little is said, and no place is named.
pub(crate) fn nowhere() -> String {
    "文字过短且未提到地点，不作关联".into()
}

pub(crate) fn of(features: &Features, same_citizen: bool, seconds: i64) -> String {
    let value = |place: usize| features.matter.get(place).copied().unwrap_or(0.0);
    let mut parts = vec![if same_citizen { "同一诉求人".to_owned() } else { "不同诉求人".to_owned() }];
    parts.push(match seconds.max(0) / 86_400 {
        0 => "当日内".into(),
        days => format!("相隔 {days} 天"),
    });
    if value(at::RAREST_NAME) > 0.0 {
        parts.push(match features.shared_name {
            Some(Class::Estate) => "同一小区或场所".into(),
            Some(Class::Road) => "同一道路".into(),
            Some(Class::Town) => "同一街道、社区或村".into(),
            Some(Class::School) => "同一学校".into(),
            Some(Class::Organisation) => "同一单位".into(),
            _ => "提到的地点或单位相同".into(),
        });
    } else if value(at::SHARED_AREA) > 1.5 {
        parts.push("同一区县".into());
    }
    if value(at::SHARED_NUMBERS) > 4.0 {
        parts.push("提到相同的号码或数额".into());
    }
    if features.apart {
        parts.push("地名库中是不同地点".into());
    }
    if value(at::OWN_AGAIN) > 0.5 {
        parts.push("提到此前反映或尚未解决".into());
    }
    parts.push(match value(at::OVERLAP) {
        _ if value(at::SAME_LETTERS) > 0.5 => "文字完全相同".into(),
        overlap if overlap >= 0.3 => "文字大部分相同".into(),
        _ if value(at::TITLE) >= 0.4 => "标题相近".into(),
        overlap if overlap >= 0.08 => "文字相近".into(),
        _ => "说法不同，所述相同".into(),
    });
    parts.join("；")
}
