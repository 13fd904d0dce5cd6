package feiqiu_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/feiqiu"
	"github.com/terrace-elt/terrace/tests/demotest"
)

// What was lost from ODS is found by asking the source, hall by hall, and read again.
func TestFeiqiu_gapsAreFoundAndRepaired(t *testing.T) {
	p := demotest.New(t)
	// The API's days end now, since the program's clock is the real one.
	begin := time.Now().In(feiqiu.Zone).AddDate(0, 0, -8)
	upstream := feiqiu.New(feiqiu.Options{Start: begin, Days: 8, Sites: 2, Orders: 6})
	web := httptest.NewServer(upstream.Handler())
	t.Cleanup(web.Close)
	t.Setenv("FEIQIU_URL", web.URL)
	t.Setenv("FEIQIU_TOKEN", feiqiu.DefaultToken)
	t.Setenv("FEIQIU_SITES", "1000200030004123, 1000200030004124")
	window := []string{"--from", begin.Format(time.DateOnly), "--to", begin.AddDate(0, 0, 8).Format(time.DateOnly)}

	p.Run(0, append([]string{"extract", "payment_transactions"}, window...)...)
	require.Contains(t, p.Run(0, append([]string{"gaps", "payment_transactions"}, window...)...), "0 of ")

	conn := p.ConnectTo(strings.TrimSpace(p.Run(0, "db", "url")))
	lost := demotest.Collect(t, conn, `delete from feiqiu_ods.payment_transactions
where id in (select max(id) from feiqiu_ods.payment_transactions group by payload -> 'site_id') returning id::text`)
	require.Len(t, lost, 2, "one of each hall")
	said := p.Run(4, append([]string{"gaps", "payment_transactions"}, window...)...)
	for _, id := range lost {
		require.Contains(t, said, id)
	}
	require.Contains(t, said, "2 of ")
	t.Log("\n" + said)

	said = p.Run(0, append([]string{"gaps", "payment_transactions", "--repair"}, window...)...)
	require.Contains(t, said, "0 of ")
	require.Equal(t, []string{"2"}, demotest.Collect(t, conn, "select count(*)::text from feiqiu_ods.payment_transactions where id in ("+strings.Join(lost, ", ")+")"))
}
