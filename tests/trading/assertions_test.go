package trading_test

import (
	"testing"

	"github.com/terrace-elt/terrace/cmd/standin/trading"
)

func TestAssertions_seeWhatTheyAreThereFor(t *testing.T) {
	t.Parallel()
	upstream := trading.New(trading.Options{Days: 10, Trades: 30})
	p := newProject(t, upstream)
	p.Run(0, "update")
	upstream.Advance(1) // some rows have two versions then
	p.Run(0, "update")
	p.RequireAssertionsSee("trading", `{"trading_reject_limit": "0.2"}`, map[string]string{
		"assets_reconcile": "update trading_dwd.fact_asset set cash = cash + 0.01 where row_id = (select max(row_id) from trading_dwd.fact_asset)",
		"trades_reconcile": "delete from trading_dwd.fact_trade__rejects",
		"assets_within_reject_limit": `insert into trading_dwd.fact_asset__rejects (row, rule, field, message)
select jsonb_build_object('row_id', s.row_id, '_version', s._version), 'cash', 'cash', 'x' from trading_ods.account_assets as s`,
		"trades_within_reject_limit": `insert into trading_dwd.fact_trade__rejects (row, rule, field, message)
select jsonb_build_object('row_id', s.row_id), 'direction', 'direction', 'x' from trading_ods.trades as s`,
		"deliveries_are_complete": "delete from trading_dws.delivery where stream = 'account_assets'",
		"row_ids_keep_their_key":  "update trading_ods.trades set _file = _file || 'x' where row_id in (select h.row_id from trading_ods.trades__history as h)",
		"every_current_account_is_told_well": `insert into trading_dwd.fact_asset__rejects (row, rule, field, message)
select jsonb_build_object('row_id', s.row_id, '_version', s._version), 'cash', 'cash', 'x' from trading_ods.account_assets as s`,
		"trades_of_known_accounts": "delete from trading_dwd.dim_account",
		"statistics_add_up":        "update trading_dws.trade_statistics set total_amount = total_amount + 0.01 where dimension = 'offset_flag'",
	})
}
