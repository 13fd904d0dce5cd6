package extract_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

// vector is a signature that was computed by other means.
type vector struct {
	Secret string            `json:"app_secret"`
	Params map[string]string `json:"params"`
	Source string            `json:"sign_source"`
	MD5    string            `json:"md5_hex_lower"`
	URL    string            `json:"url"`
}

func vectors(t *testing.T) map[string]vector {
	t.Helper()
	text, err := os.ReadFile("testdata/signing_vectors.json")
	require.NoError(t, err)
	var all map[string]vector
	require.NoError(t, json.Unmarshal(text, &all))
	require.Len(t, all, 4)
	return all
}

// readAt reads the first stream of a source at a given time.
func readAt(t *testing.T, yaml string, now time.Time, l *lander, env map[string]string) error {
	t.Helper()
	d := quick(l, env)
	d.Now = func() time.Time { return now }
	_, err := extract.NewReader(d).Read(t.Context(), load(t, yaml, env).Streams[0], extract.Job{})
	return err
}

// ok answers with no records.
func ok(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":[]}`) }

// The new gateway signs every form value but empty ones, sorted by key, behind the secret.
func TestSign_ofTheNewGatewayMatchesItsVectors(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]string{
		"new_gateway_ascii":    `biz: '${json({page_index: page.number, page_size: 50, modified_begin: "2024-09-01 00:00:00", modified_end: "2024-09-02 00:00:00", status: "Confirmed"})}'`,
		"new_gateway_utf8_biz": `biz: '${json({page_index: page.number, page_size: 50, modified_begin: "2024-09-01 00:00:00", modified_end: "2024-09-02 00:00:00", status: "Confirmed", so_ids: ["订单号01"]})}'`,
		"init_token":           "grant_type: authorization_code\n        code: a1B2c3",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := vectors(t)[name]
			a := serve(t, ok)
			env := map[string]string{"URL": a.URL, "SECRET": v.Secret, "TOKEN": v.Params["access_token"]}
			var token string
			if env["TOKEN"] != "" {
				token = "access_token: ${env:TOKEN}\n        version: \"2\"\n        "
			}
			require.NoError(t, readAt(t, `
source: erp
base_url: ${URL}
sign:
  over: [form]
  exclude: [sign]
  skip_empty: true
  order: key_asc
  pair: "{key}{value}"
  join: ""
  wrap: "${env:SECRET}{pairs}"
  algo: md5
  encode: hex
  into: {form: sign}
streams:
  orders:
    request:
      path: /open/orders/out/simple/query
      form:
        timestamp: ${now(epoch_s)}
        app_key: demo_app_key_01
        charset: utf-8
        empty: ""
        `+token+form+`
    records: $.data[*]
`, time.Unix(1725120000, 0), &lander{}, env))
			sent, err := url.ParseQuery(a.form(0))
			require.NoError(t, err)
			for key, value := range v.Params {
				require.Equal(t, value, sent.Get(key), key)
			}
			require.Equal(t, v.MD5, sent.Get("sign"))
			sum := md5.Sum([]byte(v.Source))
			require.Equal(t, hex.EncodeToString(sum[:]), v.MD5, "the vector itself")
		})
	}
}

// The old gateway signs some of the query between its method and a key; the body is not signed.
func TestSign_ofTheOldGatewayMatchesItsVector(t *testing.T) {
	t.Parallel()
	v := vectors(t)["old_gateway"]
	for name, wrap := range map[string]string{
		"of the pairs that are left": `"orders.out.simple.query${env:PARTNER}{pairs}${env:KEY}"`,
		"of parameters by name":      `"{method}{partnerid}token{token}ts{ts}${env:KEY}"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, ok)
			require.NoError(t, readAt(t, `
source: erp
base_url: ${URL}
sign: {over: [query], exclude: [method, partnerid], order: as_written, wrap: `+wrap+`, algo: md5, into: {query: sign}}
streams:
  orders:
    request:
      method: POST
      path: /api/open/query.aspx
      query: {method: orders.out.simple.query, partnerid: "${env:PARTNER}", token: demo_token_01, ts: "${now(epoch_s)}"}
      json: {page_index: 1}
    records: $.data[*]
`, time.Unix(1725120000, 0), &lander{}, map[string]string{
				"URL": a.URL, "PARTNER": v.Params["partnerid"], "KEY": v.Params["partnerkey"],
			}))
			r, body := a.request(0)
			require.Equal(t, v.URL, r.URL.String())
			require.JSONEq(t, `{"page_index":1}`, body)
		})
	}
}

func hexMD5(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// The six public recipes of the field notes, §2.4, and the HMACs.
func TestSign_expressesTheRecipesInUse(t *testing.T) {
	t.Parallel()
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write([]byte("a=1&b=x y&t=1725120000"))
	sum := mac.Sum(nil)
	for name, c := range map[string]struct{ sign, want string }{
		"secret before sorted pairs": {
			`wrap: "${env:SECRET}{pairs}"`, hexMD5("s3creta1bx yt1725120000"),
		},
		"secret before and after, upper case": {
			`wrap: "${env:SECRET}{pairs}${env:SECRET}", encode: HEX`, strings.ToUpper(hexMD5("s3creta1bx yt1725120000s3cret")),
		},
		"pairs as in a query, then the secret": {
			`pair: "{key}={value}", join: "&", wrap: "{pairs}&secret=${env:SECRET}"`, hexMD5("a=1&b=x y&t=1725120000&secret=s3cret"),
		},
		"sorted values only, then the secret": {
			`pair: "{value}", wrap: "{pairs}${env:SECRET}"`, hexMD5("1x y1725120000s3cret"),
		},
		"a template of names": {
			`wrap: "timestamp={t}&data={b}&sign_key=${env:SECRET}"`, hexMD5("timestamp=1725120000&data=x y&sign_key=s3cret"),
		},
		"a template between secrets": {
			`wrap: "${env:SECRET}AppKey{a}Data{b}Timestamp{t}${env:SECRET}"`, hexMD5("s3cretAppKey1Datax yTimestamp1725120000s3cret"),
		},
		"an HMAC": {
			`pair: "{key}={value}", join: "&", algo: hmac_sha256, key: "${env:SECRET}"`, hex.EncodeToString(sum),
		},
		"an HMAC in base64": {
			`pair: "{key}={value}", join: "&", algo: hmac_sha256, key: "${env:SECRET}", encode: base64`, base64.StdEncoding.EncodeToString(sum),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(c.sign, "algo") {
				c.sign += ", algo: md5"
			}
			for _, in := range []string{"query", "form", "json", "header"} {
				a := serve(t, ok)
				part := map[string]string{"header": "headers"}[in]
				if part == "" {
					part = in
				}
				require.NoError(t, readAt(t, `
source: erp
base_url: ${URL}
sign: {over: [`+in+`], into: {`+in+`: sign}, `+c.sign+`}
streams:
  orders:
    request: {path: /o, method: POST, `+part+`: {t: "${now(epoch_s)}", b: "x y", a: 1}}
    records: $.data[*]
`, time.Unix(1725120000, 0), &lander{}, map[string]string{"URL": a.URL, "SECRET": "s3cret"}))
				r, body := a.request(0)
				form, _ := url.ParseQuery(body)
				var members map[string]any
				_ = json.Unmarshal([]byte(body), &members) // of the json case only
				got := map[string]any{"query": r.URL.Query().Get("sign"), "form": form.Get("sign"), "json": members["sign"], "header": r.Header.Get("sign")}[in]
				require.Equal(t, c.want, got, in)
			}
		})
	}
}

// Each attempt has its own time, and with it its own signature, which takes the place of one in the declaration.
func TestSign_isMadeAnewForEachAttempt(t *testing.T) {
	t.Parallel()
	a := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		ok(n, w, r)
	})
	env := map[string]string{"URL": a.URL}
	d := quick(&lander{}, env)
	now := time.Unix(1725120000, 0)
	d.Now = func() time.Time { now = now.Add(time.Second); return now }
	source := load(t, `
source: erp
base_url: ${URL}
sign: {over: [json], algo: sha1, into: {json: sign}}
streams:
  orders:
    request: {path: /o, json: {sign: "", t: "${now(epoch_s)}", deep: {a: [1, "x"]}}}
    records: $.data[*]
`, env)
	_, err := extract.NewReader(d).Read(t.Context(), source.Streams[0], extract.Job{})
	require.NoError(t, err)
	seen := map[string]bool{}
	for n := range 3 {
		var sent struct {
			T    int64  `json:"t"`
			Sign string `json:"sign"`
		}
		require.NoError(t, json.Unmarshal([]byte(a.form(n)), &sent))
		require.Contains(t, a.form(n), `"deep":{"a":[1,"x"]},"sign":"`)
		seen[fmt.Sprint(sent.T, sent.Sign)] = true
		require.Len(t, sent.Sign, 40)
	}
	require.Len(t, seen, 3)
}

func TestPlan_showsThatARequestIsSigned(t *testing.T) {
	t.Parallel()
	plan, err := extract.NewReader(quick(&lander{}, nil)).Plan(t.Context(), load(t, `
source: erp
base_url: https://api.example
sign: {over: [query], algo: hmac_md5, key: "${env:SECRET}", into: {query: sign}}
streams:
  orders: {request: {path: /o, query: {a: "${env:KEY}"}}, records: $}
`, nil).Streams[0], extract.Window{})
	require.NoError(t, err)
	require.Equal(t, "GET /o?a=‹KEY›&sign=‹sign›", plan.Request)
}
