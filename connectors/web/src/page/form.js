(function () {
  'use strict';
  var form = document.getElementById('form');
  var byId = function (id) { return document.getElementById(id); };
  var say = function (id, words) { var at = byId(id); if (at) at.textContent = words; };
  var make = function (tag, kind, words) {
    var it = document.createElement(tag);
    if (kind) it.className = kind;
    if (words) it.textContent = words;
    return it;
  };

  // --- the draft: on this device only, for a day at most ---
  var KEY = 'jiesu:' + location.pathname;
  var FIELDS = ['hotline', 'kind', 'content', 'demand', 'place', 'lat', 'lon', 'datum', 'occurred_at', 'name', 'phone',
    'email', 'anonymous', 'confidential', 'publish'];
  var restoring = false;
  var field = function (name) { return form.elements[name]; };
  var value = function (name) {
    var it = field(name);
    if (!it) return '';
    return it.type === 'checkbox' ? (it.checked ? 'yes' : '') : it.value || '';
  };
  var setValue = function (name, text) {
    var it = field(name);
    if (!it) return;
    if (it.type === 'checkbox') it.checked = text === 'yes';
    else it.value = text;
  };
  var forget = function () { try { localStorage.removeItem(KEY); } catch (e) { /* no storage */ } };
  var later;
  var save = function () {
    if (restoring) return;
    clearTimeout(later);
    later = setTimeout(function () {
      var draft = { at: Date.now(), fields: {} };
      FIELDS.forEach(function (name) { if (value(name)) draft.fields[name] = value(name); });
      try {
        if (Object.keys(draft.fields).length) localStorage.setItem(KEY, JSON.stringify(draft));
        else localStorage.removeItem(KEY);
      } catch (e) { /* full, or not allowed: then there is no draft */ }
    }, 300);
  };
  var restore = function () {
    var draft = null;
    try { draft = JSON.parse(localStorage.getItem(KEY)); } catch (e) { /* no storage, or not ours */ }
    if (!draft || !draft.fields || Date.now() - draft.at > 86400000) return forget();
    restoring = true;
    FIELDS.forEach(function (name) { if (draft.fields[name]) setValue(name, draft.fields[name]); });
    restoring = false;
    if (value('lat') || value('lon')) document.querySelector('details').open = true;
    var clear = make('button', 'quiet', '清除');
    clear.type = 'button';
    clear.addEventListener('click', function () {
      FIELDS.forEach(function (name) { setValue(name, ''); });
      forget();
      say('draft', '已清除。');
    });
    byId('draft').textContent = '已恢复您上次没有提交的内容（只保存在这台设备上）。';
    byId('draft').appendChild(clear);
  };
  form.addEventListener('input', save);
  form.addEventListener('change', save);
  if (form.hasAttribute('data-fresh')) restore();

  // --- files go up as soon as they are chosen ---
  var input = byId('files');
  var list = byId('uploads');
  var most = Number(form.dataset.maxFiles);
  var largest = Number(form.dataset.maxFile);
  var waiting = 0;
  var whenDone = null;
  var failed = [];
  var size = function (bytes) {
    return bytes < 1048576 ? Math.ceil(bytes / 1024) + ' KB' : (bytes / 1048576).toFixed(1) + ' MB';
  };
  var count = function () { return list.querySelectorAll('li:not(.failed) input:checked, li.going').length; };
  var settled = function () {
    waiting -= 1;
    if (!waiting && whenDone) { var go = whenDone; whenDone = null; go(); }
  };
  var upload = function (file) {
    var item = make('li', 'going');
    var line = make('div', 'upload');
    var name = make('span', 'name', file.name + '（' + size(file.size) + '）');
    var bar = make('progress');
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute('aria-label', '上传 ' + file.name);
    var remove = make('button', 'quiet', '移除');
    remove.type = 'button';
    remove.setAttribute('aria-label', '移除 ' + file.name);
    line.appendChild(name);
    line.appendChild(remove);
    item.appendChild(line);
    item.appendChild(bar);
    list.appendChild(item);
    var request = new XMLHttpRequest();
    var over = false;
    var end = function (words) {
      if (over) return;
      over = true;
      bar.remove();
      item.classList.remove('going');
      if (words) {
        item.classList.add('failed');
        item.appendChild(make('p', 'error', words));
        say('uploads-said', file.name + '：' + words);
      }
      settled();
    };
    remove.addEventListener('click', function () {
      var running = !over;
      item.remove();
      failed = failed.filter(function (other) { return other !== file; });
      if (running) { over = true; request.abort(); settled(); }
      say('uploads-said', '已移除 ' + file.name);
      input.focus();
    });
    waiting += 1;
    if (file.size > largest) return end('超过 ' + size(largest) + '，没有上传');
    if (!file.size) return end('是空文件，没有上传');
    var body = new FormData();
    body.append('files', file, file.name);
    request.open('POST', location.pathname.replace(/\/$/, '') + '/files');
    request.setRequestHeader('Accept', 'application/json');
    request.setRequestHeader('X-Form-Token', value('token'));
    request.upload.addEventListener('progress', function (event) {
      if (event.lengthComputable) bar.value = Math.floor(event.loaded / event.total * 100);
    });
    request.addEventListener('load', function () {
      var answer = null;
      try { answer = JSON.parse(request.responseText); } catch (e) { /* told below */ }
      if (request.status === 200 && answer && answer.kept) {
        var kept = make('input');
        kept.type = 'checkbox';
        kept.name = 'kept';
        kept.value = answer.kept;
        kept.checked = true;
        kept.hidden = true;
        item.appendChild(kept);
        item.appendChild(make('span', 'note', '已上传'));
        say('uploads-said', '已上传 ' + file.name);
        return end();
      }
      // The form itself may still carry it.
      if (request.status >= 500 || request.status === 403 || request.status === 429) { failed.push(file); return end('暂时没有传上，将随表单一起提交'); }
      end((answer && answer.detail) || '没有传上，请重新选择');
    });
    request.addEventListener('error', function () { failed.push(file); end('网络中断，将随表单一起提交'); });
    request.send(body);
  };
  if (input) {
    input.addEventListener('change', function () {
      var chosen = Array.prototype.slice.call(input.files);
      var room = Math.max(0, most - count());
      chosen.slice(0, room).forEach(upload);
      if (chosen.length > room) say('uploads-said', '最多 ' + most + ' 个附件，其余没有添加');
      input.value = '';
    });
  }

  // --- where I am ---
  var locate = byId('locate');
  if (navigator.geolocation && window.isSecureContext) {
    locate.hidden = false;
    locate.addEventListener('click', function () {
      say('located', '正在定位…');
      navigator.geolocation.getCurrentPosition(function (position) {
        setValue('lat', position.coords.latitude.toFixed(6));
        setValue('lon', position.coords.longitude.toFixed(6));
        setValue('datum', 'wgs84');
        document.querySelector('details').open = true;
        say('located', '已填入当前位置，误差约 ' + Math.round(position.coords.accuracy) + ' 米。请同时写明地点。');
        save();
      }, function () { say('located', '无法取得位置，请写明地点。'); }, { enableHighAccuracy: true, timeout: 15000 });
    });
    ['lat', 'lon'].forEach(function (name) {
      field(name).addEventListener('input', function () { setValue('datum', ''); });
    });
  }

  // --- work, where it is asked for (FIPS 180-4; browsers' own needs https) ---
  var K = [], H0 = [];
  (function () {
    var composite = {}, n = 2;
    while (K.length < 64) {
      if (!composite[n]) {
        for (var i = n * n; i < 400; i += n) composite[i] = true;
        if (H0.length < 8) H0.push((Math.sqrt(n) % 1) * 4294967296 | 0);
        K.push((Math.cbrt(n) % 1) * 4294967296 | 0);
      }
      n += 1;
    }
  })();
  var sha256 = function (text) {
    var blocks = (text.length + 8 >> 6) + 1, words = new Int32Array(blocks * 16), w = new Int32Array(64), i, j;
    for (i = 0; i < text.length; i++) words[i >> 2] |= text.charCodeAt(i) << 24 - (i & 3) * 8;
    words[i >> 2] |= 128 << 24 - (i & 3) * 8;
    words[blocks * 16 - 1] = text.length * 8;
    var h = H0.slice();
    for (i = 0; i < blocks; i++) {
      var a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], o = h[7];
      for (j = 0; j < 64; j++) {
        if (j < 16) w[j] = words[i * 16 + j];
        else {
          var x = w[j - 15], y = w[j - 2];
          w[j] = w[j - 16] + w[j - 7] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3)
            + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
        }
        var t = o + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + K[j] + w[j] | 0;
        var u = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c) | 0;
        o = g; g = f; f = e; e = d + t | 0; d = c; c = b; b = a; a = t + u | 0;
      }
      h = [h[0] + a | 0, h[1] + b | 0, h[2] + c | 0, h[3] + d | 0, h[4] + e | 0, h[5] + f | 0, h[6] + g | 0, h[7] + o | 0];
    }
    return h.map(function (word) { return ('0000000' + (word >>> 0).toString(16)).slice(-8); }).join('');
  };
  var solve = function (challenge, done) {
    var number = 0;
    (function slice() {
      var until = Date.now() + 40;
      while (number <= challenge.maxnumber && Date.now() < until) {
        for (var i = 0; i < 50 && number <= challenge.maxnumber; i++, number++) {
          if (sha256(challenge.salt + number) === challenge.challenge) {
            return done(btoa(JSON.stringify({ algorithm: challenge.algorithm, challenge: challenge.challenge,
              number: number, salt: challenge.salt, signature: challenge.signature })));
          }
        }
      }
      if (number <= challenge.maxnumber) setTimeout(slice, 0);
    })();
  };

  // --- sending: once, and after everything is there ---
  var sending = false;
  var button = byId('submit');
  var send = function () {
    if (failed.length && window.DataTransfer) {
      var carrier = new DataTransfer();
      failed.forEach(function (file) { carrier.items.add(file); });
      input.files = carrier.files;
    }
    say('sending', '正在提交…');
    HTMLFormElement.prototype.submit.call(form);
  };
  form.addEventListener('submit', function (event) {
    event.preventDefault();
    if (sending) return;
    sending = true;
    button.setAttribute('aria-disabled', 'true');
    if (!waiting) return send();
    say('sending', '附件上传完就提交，请不要离开本页…');
    whenDone = send;
  });
  window.addEventListener('pageshow', function () {
    sending = false;
    button.removeAttribute('aria-disabled');
    say('sending', '');
  });
  var challenge = form.getAttribute('data-challenge');
  if (challenge) {
    say('sending', '正在进行安全验证，几秒钟后自动提交…');
    button.setAttribute('aria-disabled', 'true');
    solve(JSON.parse(challenge), function (solution) {
      setValue('altcha', solution);
      sending = true;
      send();
    });
  }
})();
