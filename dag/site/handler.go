package site

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"html/template"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ServeOptions say how pages are served.
type ServeOptions struct {
	// Token is what readers have to show; with "" whoever reaches the address is let in, and only those who ask for it by a
	// name of the loopback are: a name that somebody made to point there is refused.
	Token string
	// Proxies are those whose word is taken for whom they ask, X-Forwarded-For, and how that one came, X-Forwarded-Proto.
	Proxies []netip.Prefix
	// Version is the program's.
	Version string
	// Collectors give further metrics.
	Collectors []prometheus.Collector
	// Asks takes what readers ask for; without it pages only show.
	Asks Asks
	Log  *slog.Logger
}

// pagePolicy lets a page use what this server has, and nothing else.
const pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// answerTimeout bounds the making of one answer.
const answerTimeout = 20 * time.Second

// server answers requests.
type server struct {
	*Site
	ServeOptions
	attempts attempts
	forms    forms
}

// Handler serves pages, their JSON, metrics and /healthz. Nothing that it does changes anything, but what readers ask for
// goes to o.Asks.
func (s *Site) Handler(o ServeOptions) http.Handler {
	h := &server{Site: s, ServeOptions: o, forms: newForms(o.Token)}
	open, closed := http.NewServeMux(), http.NewServeMux()
	open.HandleFunc("GET /healthz", h.health)
	open.Handle("GET /assets/style.css", asset("text/css; charset=utf-8", styleCSS))
	open.Handle("GET /assets/script.js", asset("text/javascript; charset=utf-8", scriptJS))
	open.HandleFunc("GET /login", h.askToken)
	open.HandleFunc("POST /login", h.takeToken)
	open.Handle("/", h.guard(closed))
	closed.Handle("GET /metrics", promhttp.HandlerFor(h.registry(), promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	h.handleAPI(closed)
	h.handleAsks(closed)
	closed.HandleFunc("GET /{$}", h.page)
	closed.HandleFunc("GET /{page}", h.page)
	closed.HandleFunc("GET /{page}/{name}", h.page)
	return h.headers(gzhttp.GzipHandler(open))
}

// health says whether the database can be asked.
func (h *server) health(w http.ResponseWriter, r *http.Request) {
	err := h.source.Read(r.Context(), func(tx pgx.Tx) error {
		_, err := tx.Exec(r.Context(), "select")
		return err
	})
	if err != nil {
		h.Log.Error("the database cannot be asked", "error", err)
		http.Error(w, "the database cannot be asked", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n")) // whoever left does not wait for it
}

// headers refuses foreign names, bounds the answer, and says what a browser may do with it.
func (h *server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", pagePolicy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "same-origin") // with less, browsers keep from this server which page a form is of
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		if h.Token == "" && !loopback(r.Host) {
			http.Error(w, "these pages are asked for by the name of the loopback, or with a token", http.StatusMisdirectedRequest)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// loopback reports whether a host of a request is a name of this machine for itself.
func loopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

func asset(kind, text string) http.Handler {
	tag := `"` + contentHash(text)[7:19] + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("ETag", tag)
		w.Header().Set("Cache-Control", "no-cache")
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte(text)) // whoever left does not wait for it
	})
}

// The cookies: that somebody showed the token, and the language that was chosen.
const (
	sessionCookie = "terrace_session"
	langCookie    = "terrace_lang"
	sessionDays   = 30
)

// session is what a browser shows in place of the token, so that it keeps no copy of that.
func (h *server) session() string {
	mac := hmac.New(sha256.New, []byte(h.Token))
	mac.Write([]byte("terrace session"))
	return hex.EncodeToString(mac.Sum(nil))
}

// same compares in a time that says nothing of either.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// guard lets in who has shown the token. Programs are told, people are asked.
func (h *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		admitted, wait := h.admitted(w, r)
		switch {
		case admitted:
			next.ServeHTTP(w, r)
			return
		case wait > 0:
			http.Error(w, "too many wrong tokens came from this address", http.StatusTooManyRequests)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api") || r.URL.Path == "/metrics" || r.Header.Get("Authorization") != "" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="terrace"`)
			http.Error(w, "show the token: Authorization: Bearer …", http.StatusUnauthorized)
			return
		}
		next := r.URL.RequestURI()
		if r.Method != http.MethodGet {
			next = "/" // a form is not sent once more by who logs in
		}
		http.Redirect(w, r, "/login?"+url.Values{"next": {next}}.Encode(), http.StatusSeeOther)
	})
}

// admitted judges what a request shows. A cookie is let in whatever else its address tries: nobody guesses one, and readers
// behind one address do not lock each other out.
func (h *server) admitted(w http.ResponseWriter, r *http.Request) (admitted bool, wait time.Duration) {
	if h.Token == "" {
		return true, 0
	}
	if shown, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return h.shown(w, r, shown)
	}
	cookie, err := r.Cookie(sessionCookie)
	return err == nil && same(cookie.Value, h.session()), 0
}

// login is what the page that asks for the token shows.
type login struct {
	Lang  Lang
	Next  string
	Wrong bool
	// Wait says for how long this address is not listened to, "" where it is.
	Wait string
}

// T is a text in the reader's language.
func (l login) T(text string, values ...any) string { return say(l.Lang, text, values...) }

func (h *server) askToken(w http.ResponseWriter, r *http.Request) {
	h.write(w, http.StatusOK, "login", login{Lang: h.lang(w, r), Next: local(r.URL.Query().Get("next"))})
}

// mostForm bounds what is read of a form.
const mostForm = 4 << 10

func (h *server) takeToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	next := local(r.PostFormValue("next"))
	if h.Token != "" {
		admitted, wait := h.shown(w, r, r.PostFormValue("token"))
		page := login{Lang: h.lang(w, r), Next: next, Wrong: true}
		switch {
		case wait > 0:
			page.Wait = duration(math.Ceil(wait.Seconds()), page.Lang)
			h.write(w, http.StatusTooManyRequests, "login", page)
			return
		case !admitted:
			h.write(w, http.StatusUnauthorized, "login", page)
			return
		}
	}
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: h.session(), Path: "/", MaxAge: sessionDays * 86400,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: h.secure(r),
	})
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// local is a path of this server, the first page's for anything else.
func local(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n") {
		return "/"
	}
	return path
}

// lang is the language that is asked for, that was chosen before, or that the browser prefers.
func (h *server) lang(w http.ResponseWriter, r *http.Request) Lang {
	w.Header().Add("Vary", "Accept-Language, Cookie")
	if lang, ok := ParseLang(r.URL.Query().Get("lang")); ok {
		http.SetCookie(w, &http.Cookie{
			Name: langCookie, Value: string(lang), Path: "/", MaxAge: 365 * 86400,
			HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: h.secure(r),
		})
		return lang
	}
	if cookie, err := r.Cookie(langCookie); err == nil {
		if lang, ok := ParseLang(cookie.Value); ok {
			return lang
		}
	}
	return accepted(r.Header.Get("Accept-Language"))
}

func (h *server) page(w http.ResponseWriter, r *http.Request) {
	at := Address{Page: r.PathValue("page"), Name: r.PathValue("name"), Query: r.URL.Query(), Lang: h.lang(w, r), Asks: h.Asks}
	if h.Asks != nil {
		at.Form = h.forms.key(h.now())
	}
	html, err := h.Render(r.Context(), at)
	if err != nil {
		h.failPage(w, r, at, err)
		return
	}
	h.send(w, http.StatusOK, html)
}

// failPage says what is wrong: that there is no such page, or that it cannot be made now, which the log explains.
func (h *server) failPage(w http.ResponseWriter, r *http.Request, at Address, err error) {
	status, message := h.fault(r, at.Lang, err)
	project, projectErr := h.source.Project(r.Context())
	if projectErr != nil {
		http.Error(w, message, status)
		return
	}
	v := &view{ctx: r.Context(), project: project, index: h.indexOf(project), source: h.source, now: h.now(), query: at.Query, Lang: at.Lang, page: pageHome}
	content, err := h.execute("error", map[string]any{"V": v, "D": message})
	if err != nil {
		http.Error(w, message, status)
		return
	}
	h.write(w, status, "layout", page{View: v, Title: message, Content: template.HTML(content)}) //nolint:gosec // a template made it
}

// fault is what an error is to a reader.
func (h *server) fault(r *http.Request, lang Lang, err error) (int, string) {
	var missing *missingError
	if errors.As(err, &missing) {
		return http.StatusNotFound, missing.message
	}
	var refused *refusedError
	if errors.As(err, &refused) {
		return refused.status, refused.message
	}
	if r.Context().Err() == nil || errors.Is(r.Context().Err(), context.DeadlineExceeded) {
		h.Log.Error("a page could not be made", "path", r.URL.Path, "error", err)
	}
	return http.StatusServiceUnavailable, say(lang, "This cannot be shown now; the log of terrace serve says why.")
}

func (h *server) write(w http.ResponseWriter, status int, name string, data any) {
	html, err := h.execute(name, data)
	if err != nil {
		h.Log.Error("a page could not be made", "page", name, "error", err)
		http.Error(w, "this cannot be shown now", http.StatusInternalServerError)
		return
	}
	h.send(w, status, h.source.Redact(html))
}

func (h *server) send(w http.ResponseWriter, status int, html string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(html)) // whoever left does not wait for it
}
