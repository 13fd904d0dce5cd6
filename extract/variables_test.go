package extract_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

func TestVariables_areThoseThatAReadNeeds(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"models/shop/ods/shop.yml": {Data: []byte(`
source: shop
base_url: ${SHOP_URL:-http://127.0.0.1}
auth: {type: bearer, token: "${env:SHOP_TOKEN}"}
streams:
  orders:
    primary_key: [$.id]
    request:
      path: /orders
      query: {site: "${env:SHOP_SITE}", sign: "${md5(env:SHOP_SIGN)}"}
      headers: {x-site: "${env:SHOP_SITE}", x-plain: "${SHOP_PLAIN:-1}"}
    records: $[*]
`)}}
	sources, problems := extract.Load(files, func(string) (string, bool) { return "", false })
	require.Empty(t, problems)
	require.Equal(t, []string{"SHOP_SIGN", "SHOP_SITE", "SHOP_TOKEN"}, sources[0].Variables())
}
