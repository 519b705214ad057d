//! Files of a form: what comes in, what becomes of it, and what never does any harm.

use super::{Form, path_of, ticket, token, value_of};
use crate::harness::{Connection, Site, get, seconds};
use serde_json::json;

const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0 a photo of a lamp";

#[tokio::test]
async fn files_are_what_their_bytes_say_and_are_given_out_as_downloads_only() {
    let mut site = Site::new().await;
    site.set("channels.form.max_files", 12);
    let gateway = site.start().await;
    let long = "长".repeat(20_000) + ".jpg";
    let form = Form::default()
        .field("content", "路灯坏了，见照片")
        .file("路灯.jpg", "image/jpeg", JPEG)
        .file("photo.html", "text/html", JPEG)
        .file("a.gif", "image/gif", b"GIF89a/*\0*/=1;<script>alert(1)</script>")
        .file("page.jpg", "image/jpeg", b"<!DOCTYPE html><script>alert(1)</script>")
        .file("pic.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
        .file("run.jpg", "image/jpeg", b"MZ\x90\0 a program")
        .file("../../etc/cron.d/x", "text/plain", b"a path")
        .file(b"\xff\xfe\0\x01name\r.png", "image/png", b"\x89PNG\r\n\x1a\n")
        .file(&long, "image/jpeg", JPEG)
        .file("notes.txt", "", "一段文字");
    let reply = form.post(&gateway, "", &[]).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let ticket = ticket(&gateway, reply.json()["number"].as_str().unwrap()).await;
    assert_eq!(ticket["flags"], json!(["unsafe-file"]));
    let files = ticket["attachments"].as_array().unwrap();
    let kinds: Vec<_> = files.iter().map(|file| file["media_type"].as_str().unwrap()).collect();
    let program = "application/vnd.microsoft.portable-executable";
    let other = "application/octet-stream";
    let jpeg = "image/jpeg";
    let said = [jpeg, jpeg, "image/gif", "text/html", "image/svg+xml", program, other, "image/png", jpeg, other];
    assert_eq!(kinds, said);
    let names: Vec<_> = files.iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!((names[0], names[6]), ("路灯.jpg", "x"));
    assert!(names[7].ends_with("name.png") && !names[7].contains('\0'), "{:?}", names[7]);
    assert!(names[8].chars().count() == 100 && names[8].ends_with(".jpg"));
    for (file, ending) in files.iter().zip([".jpg", ".html.jpg", ".gif", ".jpg.bin", ".svg.bin", ".jpg.bin"]) {
        let reply = get(gateway.public, &path_of(&file["url"])).await;
        let header = |name: &str| reply.header(name).unwrap_or_default().to_owned();
        assert_eq!((reply.status, header("content-type").as_str()), (200, "application/octet-stream"));
        assert!(header("content-disposition").starts_with("attachment;"));
        assert!(header("content-disposition").ends_with(ending), "{} {ending}", header("content-disposition"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").contains("sandbox"));
    }
    assert_eq!(&get(gateway.public, &path_of(&files[0]["url"])).await.body()[..], JPEG);
    let kept: Vec<_> = walk(&site.data.join("files"));
    assert!(kept.iter().all(|name| name.len() == 64 || name.len() == 2 || name == "uploads"), "{kept:?}");
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        names.push(entry.file_name().into_string().unwrap());
        if entry.path().is_dir() {
            names.extend(walk(&entry.path()));
        }
    }
    names
}

#[tokio::test]
async fn a_form_that_is_sent_back_keeps_its_files_and_a_second_click_is_one_ticket() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let token = token(&gateway).await;
    let wrong = Form::default().field("token", &token).field("phone", "13800138000").field("content", " ");
    let back = wrong.file("路灯.jpg", "image/jpeg", JPEG).file("空.txt", "text/plain", b"").submit(&gateway).await;
    assert_eq!(back.status, 400);
    let page = back.text();
    assert!(page.contains("空文件") && page.contains("value=\"13800138000\""), "{page}");
    assert_eq!(value_of(&page, "token").as_ref(), Some(&token), "the page is the same page");
    let kept = value_of(&page, "kept").unwrap();

    let right = Form::default().field("token", &token).field("content", "路灯坏了").field("kept", &kept);
    let (one, other) = tokio::join!(right.submit(&gateway), right.submit(&gateway));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201], "{}", other.text());
    let number = |page: &str| page.split_once("id=\"number\">").unwrap().1.split_once('<').unwrap().0.to_owned();
    assert_eq!(number(&one.text()), number(&other.text()));
    let ticket = ticket(&gateway, &number(&one.text())).await;
    assert_eq!(ticket["attachments"][0]["name"], "路灯.jpg");
    assert_eq!(&get(gateway.public, &path_of(&ticket["attachments"][0]["url"])).await.body()[..], JPEG);
    site.core.has_all([&number(&one.text())], seconds(10)).await;
    assert_eq!(site.core.taken().len(), 1);

    let forged = kept.replace(&kept[30..34], "AAAA");
    let refused = Form::default().field("content", "a").field("kept", &forged).post(&gateway, "", &[]).await;
    assert_eq!((refused.status, refused.json()["errors"][0]["field"].as_str()), (400, Some("files")));
}

#[tokio::test]
async fn a_page_sends_a_file_by_itself_only_with_its_token() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let file = Form::default().file("a.jpg", "image/png", JPEG);
    assert_eq!(file.post(&gateway, "/files", &[]).await.status, 403);
    let token = token(&gateway).await;
    let header = [("x-form-token", token.as_str())];
    let reply = file.post(&gateway, "/files", &header).await;
    assert_eq!((reply.status, reply.json()["media_type"].as_str()), (200, Some("image/jpeg")), "{}", reply.text());
    let large = Form::default().file("b", "", vec![b'x'; (10 << 20) + 1]).post(&gateway, "/files", &header).await;
    assert_eq!((large.status, large.header("content-type")), (413, Some("application/problem+json")));
    assert!(large.json()["detail"].as_str().unwrap().contains("超过 10 MB"));
    let foreign = [("x-form-token", token.as_str()), ("origin", "https://evil.example")];
    assert_eq!(file.post(&gateway, "/files", &foreign).await.status, 403);
    assert_eq!(walk(&site.data.join("files/uploads")).len(), 1, "what was refused is not on the disk");
}

#[tokio::test]
async fn two_hundred_megabytes_are_refused_at_once_and_take_no_memory() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let before = gateway.memory();
    let form = Form::default().field("content", "很大的视频").file("v.mp4", "video/mp4", vec![b'x'; 1 << 20]).bytes();
    let head = |length: &str| {
        format!(
            "POST /channels/form HTTP/1.1\r\nhost: a\r\naccept: text/html\r\n{length}\r\n\
             content-type: multipart/form-data; boundary=----a-boundary\r\n\r\n"
        )
    };
    // It says how long it will be.
    let mut connection = Connection::open(gateway.public).await.unwrap();
    let declared = [head("content-length: 209715200").as_bytes(), &form[..4096]].concat();
    let reply = connection.raw(&declared).await.unwrap();
    assert_eq!(reply.status, 413);
    assert!(reply.text().contains("\n很大的视频</textarea>"), "the words are not lost to the film");
    // It does not.
    let mut chunked = head("transfer-encoding: chunked").into_bytes();
    let mut rest = [&form[..form.len() - 100], &vec![b'x'; 64 << 20]].concat();
    rest.truncate(64 << 20);
    for piece in rest.chunks(1 << 20) {
        chunked.extend([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
    }
    let mut connection = Connection::open(gateway.public).await.unwrap();
    assert_eq!(connection.raw(&chunked).await.unwrap().status, 413);
    assert!(gateway.memory() < before + (24 << 20), "from {before} to {} bytes", gateway.memory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_disk_does_not_take_is_not_acknowledged_and_the_words_come_back() {
    let mut site = Site::with_faults().await;
    let gateway = site.start().await;
    site.faults.as_ref().unwrap().fail_fsyncs(-1);
    let form = Form::default().field("content", "磁盘坏了也要留住这些字").file("a.jpg", "image/jpeg", JPEG);
    let reply = form.submit(&gateway).await;
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("\n磁盘坏了也要留住这些字</textarea>") && reply.text().contains("暂时无法保存"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_power_cut_an_acknowledged_form_still_has_its_files() {
    let mut site = Site::with_shadow().await;
    let mut gateway = site.start().await;
    let form = Form::default().field("content", "路灯坏了").file("a.jpg", "image/jpeg", JPEG);
    let reply = form.post(&gateway, "", &[]).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    gateway.kill();
    site.cut_power();
    let gateway = site.start().await;
    let ticket = ticket(&gateway, reply.json()["number"].as_str().unwrap()).await;
    assert_eq!(&get(gateway.public, &path_of(&ticket["attachments"][0]["url"])).await.body()[..], JPEG);
}
