package jushuitan

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// method is the one interface that the stand-in has, by its name at the old gateway.
const method = "orders.out.simple.query"

// oldSign is the signature of a request to the old gateway. The body is not part of it.
func oldSign(method, partner, token, ts, key string) string {
	return hash(method + partner + "token" + token + "ts" + ts + key)
}

// newSign is the signature of a form for the new gateway: the secret, and the values that are not empty by their names.
func newSign(form url.Values, secret string) string {
	var names []string
	for name := range form {
		if name != "sign" && form.Get(name) != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var text strings.Builder
	text.WriteString(secret)
	for _, name := range names {
		text.WriteString(name + form.Get(name))
	}
	return hash(text.String())
}

func hash(text string) string {
	sum := md5.Sum([]byte(text)) // the vendor's recipe
	return hex.EncodeToString(sum[:])
}

// outOfTime reports whether a timestamp is none, or too far from now.
func (s *Server) outOfTime(ts string) bool {
	seconds, err := strconv.ParseInt(ts, 10, 64)
	return err != nil || s.Now().Sub(time.Unix(seconds, 0)).Abs() > s.options.Tolerance
}

// oldGateway reads system parameters from the query string and business parameters from a JSON body.
func (s *Server) oldGateway(r *http.Request) reply {
	q := r.URL.Query()
	ts := q.Get("ts")
	switch {
	case r.Method != http.MethodPost:
		return refuse(codeParameter, "请求方式错误")
	case q.Get("method") != method:
		return refuse(codeNoInterface, "接口不存在")
	case q.Get("partnerid") != PartnerID || q.Get("token") != PartnerToken:
		return refuse(codeToken, "token 无效或已过期")
	case q.Get("sign") != oldSign(method, PartnerID, PartnerToken, ts, PartnerKey):
		return refuse(codeSign, "签名错误")
	case s.outOfTime(ts):
		return refuse(codeTimestamp, "时间戳超出允许范围")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return refuse(codeParameter, "请求体读取失败")
	}
	p, rows, refused := s.find(body)
	if refused != nil {
		return *refused
	}
	return reply{body: encode(struct {
		IsSuccess bool    `json:"issuccess"`
		Code      int     `json:"code"`
		Msg       *string `json:"msg"`
		page
	}{true, codeOK, nil, p.list(rows, row.old)}), rows: len(rows)}
}

// newGateway reads everything from a form, business parameters as JSON from its field biz.
func (s *Server) newGateway(r *http.Request) reply {
	if refused := s.refusesForm(r); refused != nil {
		return *refused
	}
	if !s.knowsToken(r.PostForm.Get("access_token")) {
		return refuse(codeToken, "access_token 已失效,请重新授权")
	}
	p, rows, refused := s.find([]byte(r.PostForm.Get("biz")))
	if refused != nil {
		return *refused
	}
	return success(p.list(rows, row.new), len(rows))
}

func success(data any, rows int) reply {
	return reply{body: encode(struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
		Data any    `json:"data"`
	}{codeOK, "", data}), rows: rows}
}

// refusesForm checks what every call of the new gateway has: key, charset, timestamp, signature.
func (s *Server) refusesForm(r *http.Request) *reply {
	no := func(code int, msg string) *reply {
		a := refuse(code, msg)
		return &a
	}
	if r.Method != http.MethodPost || r.ParseForm() != nil {
		return no(codeParameter, "请求方式错误")
	}
	form := r.PostForm
	switch {
	case form.Get("app_key") != AppKey:
		return no(codeToken, "app_key 无效")
	case form.Get("charset") != "utf-8":
		return no(codeParameter, "参数错误:charset")
	case r.URL.Path == NewGateway && form.Get("version") != "2":
		return no(codeParameter, "参数错误:version")
	case form.Get("sign") != newSign(form, AppSecret):
		return no(codeSign, "签名错误")
	case s.outOfTime(form.Get("timestamp")):
		return no(codeTimestamp, "时间戳超出允许范围")
	}
	return nil
}

// initToken gives the first token to a merchant who has just allowed the application.
func (s *Server) initToken(r *http.Request) reply {
	if refused := s.refusesForm(r); refused != nil {
		return *refused
	}
	if r.PostForm.Get("grant_type") != "authorization_code" || len(r.PostForm.Get("code")) != 6 {
		return refuse(codeParameter, "参数错误:code")
	}
	return s.issue()
}

// refreshToken gives a new token, and a new refresh token, for a refresh token that it gave before.
func (s *Server) refreshToken(r *http.Request) reply {
	if refused := s.refusesForm(r); refused != nil {
		return *refused
	}
	refresh := r.PostForm.Get("refresh_token")
	_, known := issuedAt("demo_refresh_token_", refresh)
	switch {
	case r.PostForm.Get("grant_type") != "refresh_token" || r.PostForm.Get("scope") != "all":
		return refuse(codeParameter, "参数错误:grant_type")
	case refresh != RefreshToken && !known:
		return refuse(codeToken, "refresh_token 无效,请重新授权")
	}
	return s.issue()
}

// issue makes tokens that say when they were made, so that a server that is started later knows those of an earlier one.
func (s *Server) issue() reply {
	stamp := strconv.FormatInt(s.Now().Unix(), 10)
	stamp += "_" + hash(stamp+AppSecret)
	return success(struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		ExpiresIn    int64  `json:"expires_in"`
		Scope        string `json:"scope"`
	}{"demo_access_token_" + stamp, "demo_refresh_token_" + stamp, int64(s.options.TokenLife.Seconds()), "all"}, 0)
}

// issuedAt is when a token was made, if it was.
func issuedAt(prefix, token string) (time.Time, bool) {
	stamp, signature, _ := strings.Cut(strings.TrimPrefix(token, prefix), "_")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	return time.Unix(seconds, 0), err == nil && signature == hash(stamp+AppSecret)
}

func (s *Server) knowsToken(token string) bool {
	at, ok := issuedAt("demo_access_token_", token)
	return ok && s.Now().Before(at.Add(s.options.TokenLife))
}

// page is the list with what is said of it, under the same names at both gateways.
type page struct {
	PageIndex int               `json:"page_index"`
	PageSize  int               `json:"page_size"`
	PageCount int               `json:"page_count"`
	DataCount int               `json:"data_count"`
	HasNext   bool              `json:"has_next"`
	Datas     []json.RawMessage `json:"datas"`
}

func (p page) list(rows []row, form func(row) json.RawMessage) page {
	p.Datas = make([]json.RawMessage, len(rows))
	for i, r := range rows {
		p.Datas[i] = form(r)
	}
	return p
}
