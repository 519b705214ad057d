(function () {
  'use strict';
  try { localStorage.removeItem('jiesu:' + location.pathname); } catch (e) { /* no storage, no draft */ }
  var print = document.getElementById('print');
  print.hidden = false;
  print.addEventListener('click', function () {
    var sent = document.querySelector('.sent');
    if (sent) sent.open = true;
    window.print();
  });
})();
