package site

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// forms makes and knows the keys that forms carry: who sends one has been shown a page by this server, which no page from
// elsewhere has. One key is for all forms of a page.
type forms struct{ secret []byte }

// formsHold is how long a page may be looked at before its forms are too old.
const formsHold = 12 * time.Hour

// newForms makes keys that all processes with a token know, also after they were started anew; without a token they are
// this process's.
func newForms(token string) forms {
	if token == "" {
		return forms{[]byte(rand.Text())}
	}
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("terrace form"))
	return forms{mac.Sum(nil)}
}

// key is a new one.
func (f forms) key(now time.Time) string {
	text := strconv.FormatInt(now.Unix(), 36) + "." + rand.Text()
	return text + "." + f.sign(text)
}

func (f forms) sign(text string) string {
	mac := hmac.New(sha256.New, f.secret)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// made reports whether a key is of this server, and young enough.
func (f forms) made(key string, now time.Time) bool {
	at := strings.LastIndexByte(key, '.')
	if at < 0 || !same(key[at+1:], f.sign(key[:at])) {
		return false
	}
	stamp, _, _ := strings.Cut(key, ".")
	seconds, err := strconv.ParseInt(stamp, 36, 64)
	return err == nil && now.Sub(time.Unix(seconds, 0)) < formsHold
}

// keyOf tells a wish from another that was sent with the same form: each button of a page can be pressed once.
func keyOf(w Wish, form string) string {
	wish, err := json.Marshal(w)
	if err != nil {
		panic(fmt.Sprintf("encode a wish: %v", err)) // it is text, and flags
	}
	sum := sha256.Sum256([]byte(form + "\x00" + string(wish)))
	return hex.EncodeToString(sum[:16])
}

// handleAsks takes forms, and the same from programs. Where pages only show, both are told so.
func (h *server) handleAsks(mux *http.ServeMux) {
	elsewhere := http.NewCrossOriginProtection()
	elsewhere.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.refuse(w, r, http.StatusForbidden, "This was sent by a page from elsewhere.")
	}))
	mux.Handle("POST /ask", elsewhere.Handler(http.HandlerFunc(h.takeForm)))
	mux.Handle("POST /api/asks", elsewhere.Handler(http.HandlerFunc(h.takeDocument)))
	mux.HandleFunc("GET /asked/{name}", h.showAsked)
}

// refuse says why nothing was done, to people or to programs.
func (h *server) refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		h.document(w, r, status, map[string]string{"error": text})
		return
	}
	lang := h.lang(w, r)
	h.failPage(w, r, Address{Lang: lang}, &refusedError{status, say(lang, text)})
}

// takeForm asks for what a form says, and leads to what came of it.
func (h *server) takeForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	form := r.PostFormValue("form") // reads the body
	switch {
	case h.Asks == nil:
		h.refuse(w, r, http.StatusForbidden, "These pages only show.")
		return
	case !h.forms.made(form, h.now()):
		h.refuse(w, r, http.StatusForbidden, "This form is too old, or of no page that was shown here: load the page again.")
		return
	}
	run, err := uuid.Parse(r.PostFormValue("run"))
	if err != nil && r.PostFormValue("run") != "" {
		h.refuse(w, r, http.StatusNotFound, "No such run.")
		return
	}
	wish := Wish{
		Do: Deed(r.PostFormValue("do")), Node: r.PostFormValue("node"), Downstream: r.PostFormValue("downstream") != "", Force: r.PostFormValue("force") != "",
		Run: run, Schedule: r.PostFormValue("schedule"), Reason: r.PostFormValue("reason"), By: "page, " + h.client(r).String(),
	}
	wish.Key = keyOf(wish, form)
	lang := h.lang(w, r)
	reply, err := h.grant(r.Context(), lang, wish)
	if err != nil {
		h.failPage(w, r, Address{Lang: lang}, err)
		return
	}
	http.Redirect(w, r, whereto(reply), http.StatusSeeOther)
}

// whereto is where a reader sees what came of a wish.
func whereto(reply Reply) string {
	switch {
	case reply.ID == 0:
		return link(false, pageSchedules)
	case reply.Fresh:
		return link(false, pageAsked, strconv.FormatInt(reply.ID, 10))
	default:
		return link(false, pageAsked, strconv.FormatInt(reply.ID, 10)) + "?again=yes"
	}
}

// asked is what the API answers: where to look for what becomes of it.
type asked struct {
	// ID is null where all was done at once.
	ID    *int64 `json:"id"`
	Fresh bool   `json:"fresh"`
	URL   string `json:"url"`
}

// takeDocument asks for what a document says. One that a browser sends for a page from elsewhere does not come here, and
// what a form can send is none.
func (h *server) takeDocument(w http.ResponseWriter, r *http.Request) {
	if h.Asks == nil {
		h.refuse(w, r, http.StatusForbidden, "These pages only show.")
		return
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		h.refuse(w, r, http.StatusUnsupportedMediaType, "Send JSON: Content-Type: application/json.")
		return
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostForm))
	decoder.DisallowUnknownFields()
	var wish Wish
	if err := decoder.Decode(&wish); err != nil {
		h.refuse(w, r, http.StatusBadRequest, "This is no wish: "+err.Error())
		return
	}
	wish.By = "api, " + h.client(r).String()
	form := r.Header.Get("Idempotency-Key")
	if form == "" {
		form = rand.Text()
	}
	wish.Key = keyOf(wish, form)
	reply, err := h.grant(r.Context(), English, wish)
	if err != nil {
		status, message := h.fault(r, English, err)
		h.refuse(w, r, status, message)
		return
	}
	answer, status := asked{Fresh: reply.Fresh, URL: "/api/schedules"}, http.StatusOK
	if reply.ID != 0 {
		answer.ID, answer.URL, status = &reply.ID, "/api/asks/"+strconv.FormatInt(reply.ID, 10), http.StatusAccepted
	}
	h.document(w, r, status, answer)
}
