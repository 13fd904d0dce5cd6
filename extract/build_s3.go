package extract

import (
	"net/url"
	"slices"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// s3Server is where a source of type s3 finds its buckets.
type s3Server struct {
	endpoint  *url.URL
	region    string // "": asked of the server
	pathStyle *bool  // nil: as the server's name suggests
	accessKey value  // without keys, requests are anonymous
	secretKey value
}

// s3Server reads the keys that belong to sources of type s3, and refuses them in others.
func (b *builder) s3Server(kind SourceType) s3Server {
	d := b.decl
	if kind != S3 {
		for _, key := range []struct {
			name string
			at   strict.Pos
		}{
			{"endpoint", d.Endpoint.Pos},
			{"path_style", d.PathStyle.Pos},
			{"region", d.Region.Pos},
			{"auth.access_key", d.Auth.AccessKey.Pos},
			{"auth.secret_key", d.Auth.SecretKey.Pos},
		} {
			b.foreign(key.at, key.name, string(kind))
		}
		return s3Server{}
	}
	b.foreign(d.BaseURL.Pos, "base_url", "s3")
	b.foreign(d.Auth.Type.Pos, "auth.type", "s3")
	for _, k := range d.Auth.present() {
		b.foreign(k.at, "auth."+k.name, "s3")
	}
	s := s3Server{endpoint: b.endpoint(), region: d.Region.Value, accessKey: d.Auth.AccessKey, secretKey: d.Auth.SecretKey}
	if !d.PathStyle.IsZero() {
		s.pathStyle = &d.PathStyle.Value
	}
	if s.accessKey.isSet() != s.secretKey.isSet() {
		b.fail(d.Auth.Pos, `auth of a source of type s3 needs "access_key" and "secret_key"`, `write auth: {access_key: "${env:S3_ACCESS_KEY}", secret_key: "${env:S3_SECRET_KEY}"}`)
	}
	b.names(s.accessKey, nil, "")
	b.names(s.secretKey, nil, "")
	return s
}

func (b *builder) endpoint() *url.URL {
	at := b.decl.Endpoint
	if at.IsZero() {
		b.fail(strict.Pos{Line: 1, Col: 1}, `"endpoint" is missing`, "a source of type s3 needs it: https://s3.eu-central-1.amazonaws.com, http://127.0.0.1:9000")
		return &url.URL{}
	}
	u, err := url.Parse(at.Value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		// The value may come from the environment, so it is not shown.
		b.fail(at.Pos, "endpoint is no address", "write https://host or http://host:port, without a path; the bucket belongs to files")
		return &url.URL{}
	}
	return u
}

// variables are the names of the environment that the keys come from.
func (s s3Server) variables() []string {
	names := slices.Concat(s.accessKey.variables, s.secretKey.variables)
	slices.Sort(names)
	return slices.Compact(names)
}
