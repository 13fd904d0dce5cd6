package extract_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStream_Origin(t *testing.T) {
	t.Parallel()
	env := map[string]string{"DB": "postgres://reader:hunter2@db.example.com:5433/shop?sslmode=disable", "TOKEN": "hunter2"}
	for name, test := range map[string]struct {
		yaml, namespace, name string
		unknown               bool
	}{
		"http": {
			yaml: `source: crm
base_url: https://crm.example.com:8443/v2
auth: {type: bearer, token: "${env:TOKEN}"}
streams:
  orders: {primary_key: [$.id], request: {path: /orders/list}, records: $.data}`,
			namespace: "https://crm.example.com:8443", name: "/v2/orders/list",
		},
		"http, a path that differs from request to request": {
			yaml: `source: crm
base_url: https://crm.example.com
streams:
  orders: {primary_key: [$.id], each: {shop: [1, 2]}, request: {path: "/shops/${each.shop}/orders"}, records: $.data}`,
			namespace: "https://crm.example.com", name: "/orders",
		},
		"files": {
			yaml: `source: crm
type: files
streams:
  orders: {primary_key: [$.id], files: {path: in, glob: "orders-*.ndjson"}, format: {type: ndjson}}`,
			namespace: "file", name: "in/orders-*.ndjson",
		},
		"postgres": {
			yaml: `source: crm
type: postgres
url: ${env:DB}
streams:
  orders: {primary_key: [$.id], query: select 1 as id}`,
			namespace: "postgres://db.example.com:5433", name: "shop.orders",
		},
		"postgres, without its address": {
			yaml: `source: crm
type: postgres
url: ${env:NO_DB}
streams:
  orders: {primary_key: [$.id], query: select 1 as id}`,
			unknown: true,
		},
		"existing": {
			yaml: `source: crm
type: existing
streams:
  orders: {relation: public.orders, primary_key: [id]}`,
			unknown: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := load(t, test.yaml, env)
			namespace, name, ok := source.Streams[0].Origin(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
			require.Equal(t, !test.unknown, ok)
			require.Equal(t, test.namespace, namespace)
			require.Equal(t, test.name, name)
		})
	}
}
