//! What the index costs, counted and not timed: `JIESU_SCALE=1000000 cargo nextest run --release --no-capture --test it
//! repeats::scale` prints what a message costs on the way to so many.

use super::{city::City, server::Redis, *};
use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

/// Appeals, unless somebody wants more.
const FEW: u64 = 6_000;

/// Of `INFO`: a number.
fn info(redis: &Redis, section: &str, key: &str) -> f64 {
    let info = redis.ask(&["INFO", section]);
    let line = info.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("{key} in {info}"))
}

/// Times that Redis was asked by a client; what a script does there is no round trip.
fn asked(redis: &Redis) -> u64 {
    let of = |line: &str| {
        let calls = line.strip_prefix("cmdstat_eval:calls=").or_else(|| line.strip_prefix("cmdstat_mget:calls="));
        calls?.split(',').next()?.parse::<u64>().ok()
    };
    redis.ask(&["INFO", "commandstats"]).lines().filter_map(of).sum()
}

/// Seconds of the processor that a process has had.
fn worked(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<f64> = stat
        .rsplit(')')
        .next()
        .into_iter()
        .flat_map(str::split_whitespace)
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse().unwrap())
        .collect();
    fields.iter().sum::<f64>() / 100.0
}

/// Runs a backtest; what it decides, and says on the way what it costs.
fn decisions(site: &mut Site, path: &str, redis: Option<&Redis>) -> String {
    let mut command = site.command("backtest", &[path]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (mut all, mut count, mut next) = (String::new(), 0u64, 1_000);
    let sample = || {
        let of_redis =
            redis.map_or(0.0, |redis| info(redis, "cpu", "used_cpu_user") + info(redis, "cpu", "used_cpu_sys"));
        let sent = redis.map_or(0.0, |redis| info(redis, "stats", "total_net_output_bytes"));
        [worked(child.id()), of_redis, sent]
    };
    let mut last = (0, sample());
    while lines.read_line(&mut all).unwrap() > 0 {
        count += 1;
        if count == next {
            let now = sample();
            let each = |place: usize| (now[place] - last.1[place]) / (count - last.0) as f64;
            eprintln!(
                "{:>9} to {count}: {:.0} µs each, Redis {:.0} µs and {:.0} bytes sent each",
                last.0,
                each(0) * 1e6,
                each(1) * 1e6,
                each(2)
            );
            (last, next) = ((count, now), next + if next < 10_000 { 9_000 } else { (next / 10).max(10_000) });
        }
    }
    assert!(child.wait().unwrap().success());
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_takes_less_than_a_kilobyte_in_redis_and_an_appeal_two_round_trips() {
    let count = std::env::var("JIESU_SCALE").ok().map_or(FEW, |count| count.parse().expect("JIESU_SCALE: a number"));
    let mut site = Site::new().await;
    let path = site.data.join("city.jsonl");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let city = City::new();
    (0..count).for_each(|number| writeln!(file, "{}", city.line(number)).unwrap());
    file.flush().unwrap();
    let path = path.display().to_string();

    let in_memory = decisions(&mut site, &path, None);
    let linked = in_memory.lines().filter(|line| line.contains("\"auto\"")).count() as f64 / count as f64;
    assert!((0.05..0.8).contains(&linked), "{linked}: a city repeats itself, and not always");
    let redis = Redis::start().await;
    site.set("repeats.url", redis.url());
    let (before, asked_before) = (info(&redis, "memory", "used_memory"), asked(&redis));
    let in_redis = decisions(&mut site, &path, Some(&redis));
    assert!(in_redis == in_memory, "the same decisions");
    let each = (info(&redis, "memory", "used_memory_peak") - before) / count as f64;
    let asked = (asked(&redis) - asked_before) as f64 / count as f64;
    eprintln!("{each:.0} bytes of Redis and {asked:.2} round trips each");
    assert!(each <= 1_000.0, "{each}");
    // And some to remove it all in the end.
    assert!(asked <= 2.05, "{asked}");
}
