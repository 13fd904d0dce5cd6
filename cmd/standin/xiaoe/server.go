// Package xiaoe is a stand-in for the open API of a shop for courses: its token, codes, windows and oddities over an
// invented business, and a ledger of what it holds. The business is a function of a seed and of the number of days that
// are over.
//
// A day that ends brings its orders and new users, payments and lapses of unpaid orders, and refunds of orders that are
// up to thirty days old: those change the order in the window of its creation, where nothing says that it has changed.
package xiaoe

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/terrace-elt/terrace/cmd/standin/refusals"
)

// Server is the upstream. It may be used by many goroutines at once.
type Server struct {
	options Options

	mu     sync.Mutex
	now    *holding
	count  int               // calls, over all paths
	epoch  int               // of tokens: those of an earlier one are forgotten
	forget bool              // they are to be forgotten when nobody is repeating a call
	again  refusals.Counter  // of calls that were refused
	served map[string]Served // by path
}

// New makes a server that stands at the end of the options' last day. It panics when the options are out of range.
func New(o Options) *Server {
	o = o.withDefaults()
	return &Server{options: o, now: hold(o, o.Days), served: map[string]Served{}}
}

// Now is the upstream's time: midnight after the last day that is over.
func (s *Server) Now() time.Time { return s.holding().now }

// Advance lets so many days pass. Requests that are under way see the time before.
func (s *Server) Advance(days int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = hold(s.options, s.now.days+days)
}

func (s *Server) holding() *holding {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// The paths of the API.
const (
	TokenPath    = "/token"
	OrdersPath   = "/xe.order.list.get/1.0.1"
	RefundsPath  = "/xe.aftersale.list/1.0.0"
	UsersPath    = "/xe.user.batch.get/2.0.0"
	ProductsPath = "/xe.goods.list.get/4.0.0"
	LivesPath    = "/xe.alive.list.get/1.0.0"
)

// Handler serves the API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(TokenPath, func(w http.ResponseWriter, r *http.Request) { s.answer(w, TokenPath, s.token(r)) })
	for path, serve := range map[string]func(*holding, query) reply{
		OrdersPath: orders, RefundsPath: refunds, UsersPath: users, ProductsPath: goods, LivesPath: lives,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.answer(w, path, s.call(r, serve)) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, "", refuse(2052, "接口不存在")) })
	return mux
}

// reply is what goes back to the client. The status is always 200.
type reply struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
	Data any    `json:"data"`
	rows int
}

func refuse(code int, msg string) reply { return reply{Code: code, Msg: msg, Data: struct{}{}} }

func (s *Server) answer(w http.ResponseWriter, path string, a reply) {
	s.mu.Lock()
	count := s.served[path]
	count.Requests++
	count.Rows += a.rows
	if a.Code != 0 {
		count.Refused++
	}
	s.served[path] = count
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(encode(a)) // a client that is gone is no concern of the server's
}

// call checks the token of a business call and reads what it asks for.
func (s *Server) call(r *http.Request, serve func(*holding, query) reply) reply {
	if r.Method != http.MethodPost {
		return refuse(2055, "请求方式错误")
	}
	body, err := io.ReadAll(r.Body)
	q := query{}
	if err != nil || json.Unmarshal(body, &q) != nil {
		return refuse(1, "参数错误")
	}
	// Parameters may also stand in data, and win there.
	if q.Data != nil && json.Unmarshal(q.Data, &q) != nil {
		return refuse(1, "参数错误")
	}
	call, fault := s.counted(r.URL.Path, body)
	switch {
	case q.AccessToken == "":
		return refuse(2007, "缺少 access_token")
	case !s.knows(q.AccessToken):
		fault = refuse(2008, "access_token 已过期或不存在")
	}
	if s.refused(call, fault); fault.Code != 0 {
		return fault
	}
	return serve(s.holding(), q)
}

// refused notes whether a call is expected again.
func (s *Server) refused(call string, fault reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fault.Code == 0 {
		s.again.Answered(call)
		return
	}
	s.again.Refused(call)
}

// counted counts a call, and gives what makes it the same as another one, and the fault that it meets, if it meets one.
func (s *Server) counted(path string, body []byte) (call string, fault reply) {
	var asked map[string]any
	_ = json.Unmarshal(body, &asked) // it has been read before
	delete(asked, "access_token")
	call = path + string(encode(asked))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	f := s.options.Faults
	if f.ForgetEvery > 0 && s.count%f.ForgetEvery == 0 {
		s.forget = true
	}
	if s.forget && !s.again.Expected() { // nobody's second token is forgotten, too
		s.epoch++
		s.forget = false
	}
	if !s.again.Due(call) {
		fault = f.answer(s.count)
	}
	return call, fault
}

// answer is the fault that the nth call meets, of code 0 if it meets none.
func (f Faults) answer(n int) reply {
	switch {
	case f.ThrottleEvery > 0 && n%f.ThrottleEvery == 0 && n/f.ThrottleEvery%2 == 0:
		return refuse(2054, "接口请求突增")
	case f.ThrottleEvery > 0 && n%f.ThrottleEvery == 0:
		return refuse(2053, "接口调用次数已达上限")
	case f.BusyEvery > 0 && n%f.BusyEvery == 0:
		return refuse(1001, "系统繁忙")
	}
	return reply{}
}

// token takes its parameters from the query or from a JSON body, GET as it is.
func (s *Server) token(r *http.Request) reply {
	if r.Method != http.MethodGet {
		return refuse(2055, "请求方式错误")
	}
	p := map[string]string{}
	if body, err := io.ReadAll(r.Body); err == nil && len(body) > 0 && json.Unmarshal(body, &p) != nil {
		return refuse(1, "参数错误")
	}
	for name, values := range r.URL.Query() {
		p[name] = values[0]
	}
	switch {
	case p["app_id"] == "":
		return refuse(2001, "缺少 app_id")
	case p["secret_key"] == "":
		return refuse(2003, "缺少 secret_key")
	case p["app_id"] != AppID || p["secret_key"] != SecretKey || p["client_id"] != ClientID:
		return refuse(2004, "secret_key 错误或 app_id 无效")
	case p["grant_type"] != "client_credential":
		return refuse(2005, "缺少 grant_type")
	}
	call, fault := s.counted(TokenPath, nil)
	if s.refused(call, fault); fault.Code != 0 {
		return fault
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return reply{Msg: "success", Data: struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}{fmt.Sprintf("xe_demo_%d_%d", s.now.now.Unix(), s.epoch), int64(s.options.TokenLife.Seconds())}}
}

// knows reads from a token when it was made, so that a server that is started later knows those of an earlier one.
func (s *Server) knows(token string) bool {
	at, epoch, _ := strings.Cut(strings.TrimPrefix(token, "xe_demo_"), "_")
	seconds, err := strconv.ParseInt(at, 10, 64)
	s.mu.Lock()
	defer s.mu.Unlock()
	return err == nil && epoch == strconv.Itoa(s.epoch) && s.now.now.Before(time.Unix(seconds, 0).Add(s.options.TokenLife))
}

// Served counts the requests of one path.
type Served struct {
	Requests int // also those that were refused
	Refused  int // answered with another code than 0
	Rows     int // records sent, also those sent before
}

// Ledger takes the state as it is now.
func (s *Server) Ledger() *Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Ledger{holding: s.now, served: maps.Clone(s.served)}
}

// encode cannot fail for the types of this package.
func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("xiaoe: encode %T: %v", v, err))
	}
	return raw
}
