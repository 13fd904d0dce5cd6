// What pages do beyond links and forms: keys, a theme that is kept, and a filter where no server searches. Without it
// everything is still there.
(function () {
  "use strict";
  var root = document.documentElement, offline = document.body && document.body.classList.contains("offline");

  function stored(value) {
    try {
      if (value === undefined) return localStorage.getItem("terrace-theme");
      localStorage.setItem("terrace-theme", value);
    } catch (refused) { /* a browser that keeps nothing */ }
    return null;
  }
  function theme(value) { if (value) root.setAttribute("data-theme", value); }
  theme(stored());

  function visible() { // the target is not known before the page has been shown
    if (!offline) return document;
    return location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1))) || document.getElementById("home");
  }
  function go(page) {
    if (offline) location.hash = page;
    else location.href = page === "home" ? "/" : "/" + page;
  }
  function field() { return offline ? document.getElementById("filter") : document.getElementById("q"); }
  function typing(target) { return /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable; }

  var pages = { h: "home", d: "dashboards", q: "quality", r: "runs", m: "models", l: "lineage", s: "sources" };
  var waiting = false;
  function move(by) {
    var rows = Array.prototype.filter.call(visible().querySelectorAll("table.rows tbody tr"), function (r) { return r.offsetParent !== null; });
    if (!rows.length) return;
    var at = rows.indexOf(document.querySelector("tr.at"));
    rows.forEach(function (r) { r.classList.remove("at"); });
    var row = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
    row.classList.add("at");
    row.scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("keydown", function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (typing(e.target)) { if (e.key === "Escape") e.target.blur(); return; }
    if (waiting) {
      waiting = false;
      if (pages[e.key]) { e.preventDefault(); go(pages[e.key]); return; }
    }
    switch (e.key) {
      case "g": waiting = true; setTimeout(function () { waiting = false; }, 1500); break;
      case "/":
        e.preventDefault();
        if (offline) go("models");
        setTimeout(function () { if (field()) field().focus(); }, 0);
        break;
      case "?": var keys = document.getElementById("keys"); if (keys.showModal && !keys.open) keys.showModal(); break;
      case "j": move(1); break;
      case "k": move(-1); break;
      case "Enter":
        var link = e.target === document.body && document.querySelector("tr.at a");
        if (link) link.click();
        break;
    }
  });

  function start() {
    offline = document.body.classList.contains("offline");
    var button = document.querySelector("button.theme");
    if (button) {
      button.hidden = false;
      button.addEventListener("click", function () {
        var dark = root.getAttribute("data-theme") ? root.getAttribute("data-theme") === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
        theme(dark ? "light" : "dark");
        stored(dark ? "light" : "dark");
      });
    }
    var filter = document.getElementById("filter");
    if (filter) {
      filter.hidden = false;
      filter.addEventListener("input", function () {
        var words = filter.value.toLowerCase().split(/\s+/);
        document.querySelectorAll("table.filtered tbody tr").forEach(function (row) {
          var text = row.textContent.toLowerCase();
          row.hidden = !words.every(function (w) { return text.indexOf(w) >= 0; });
        });
      });
    }
    if (offline) {
      var turn = function () {
        var page = visible(), first = location.hash.slice(1).split(".")[0];
        document.title = (page.getAttribute("data-title") || "") + " · " + document.querySelector(".brand").textContent;
        document.querySelectorAll("nav li a").forEach(function (a) {
          var of = { run: "runs", model: "models", assertion: "quality", dashboard: "dashboards" }[first] || first || "home";
          if (a.getAttribute("href") === "#" + of) a.setAttribute("aria-current", "page"); else a.removeAttribute("aria-current");
        });
        scrollTo(0, 0);
      };
      addEventListener("hashchange", turn);
      turn();
    }
    var refresh = root.getAttribute("data-refresh");
    if (refresh) setTimeout(function () { location.reload(); }, 1000 * refresh);
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
