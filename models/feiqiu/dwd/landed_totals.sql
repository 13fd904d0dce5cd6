-- kind: view
-- key: [stream]
-- depends_on:
--   - feiqiu_ods.assistant_accounts_master
--   - feiqiu_ods.assistant_cancellation_records
--   - feiqiu_ods.assistant_service_records
--   - feiqiu_ods.goods_stock_movements
--   - feiqiu_ods.goods_stock_summary
--   - feiqiu_ods.group_buy_packages
--   - feiqiu_ods.group_buy_redemption_records
--   - feiqiu_ods.member_balance_changes
--   - feiqiu_ods.member_profiles
--   - feiqiu_ods.member_stored_value_cards
--   - feiqiu_ods.payment_transactions
--   - feiqiu_ods.platform_coupon_redemption_records
--   - feiqiu_ods.recharge_settlements
--   - feiqiu_ods.refund_transactions
--   - feiqiu_ods.settlement_records
--   - feiqiu_ods.settlement_ticket_details
--   - feiqiu_ods.site_tables_master
--   - feiqiu_ods.stock_goods_category_tree
--   - feiqiu_ods.store_goods_master
--   - feiqiu_ods.store_goods_sales_records
--   - feiqiu_ods.table_fee_discount_records
--   - feiqiu_ods.table_fee_transactions
--   - feiqiu_ods.tenant_goods_master
-- description: >-
--   What is landed, per stream: records that the source still has, and the sum of one figure of theirs, read out of the
--   payload. feiqiu_ads.quality_report compares it with the tables that are made of it.
-- columns:
--   stream: {description: The stream}
--   model: {description: The table that is made of it}
--   figure: {description: What is added up; null where there is nothing to add}
--   records: {description: Records}
--   total: {description: Sum of the figure}
select
    'feiqiu_ods.member_profiles' as stream,
    'feiqiu_dwd.dim_member' as model,
    null::text as figure,
    count(*) as records,
    null::numeric as total
from feiqiu_ods.member_profiles as o
where o._deleted_at is null

union all

select 'feiqiu_ods.member_stored_value_cards', 'feiqiu_dwd.dim_member_card', 'balance_amount', count(*), sum((o.payload ->> 'balance')::numeric)
from feiqiu_ods.member_stored_value_cards as o
where o._deleted_at is null

union all

select 'feiqiu_ods.site_tables_master', 'feiqiu_dwd.dim_table', 'table_price', count(*), sum((o.payload ->> 'table_price')::numeric)
from feiqiu_ods.site_tables_master as o
where o._deleted_at is null

union all

select 'feiqiu_ods.assistant_accounts_master', 'feiqiu_dwd.dim_assistant', 'play_price', count(*), sum((o.payload ->> 'pd_unit_price')::numeric)
from feiqiu_ods.assistant_accounts_master as o
where o._deleted_at is null

union all

select 'feiqiu_ods.tenant_goods_master', 'feiqiu_dwd.dim_tenant_goods', 'market_price', count(*), sum((o.payload ->> 'market_price')::numeric)
from feiqiu_ods.tenant_goods_master as o
where o._deleted_at is null

union all

select 'feiqiu_ods.store_goods_master', 'feiqiu_dwd.dim_store_goods', 'stock_quantity', count(*), sum((o.payload ->> 'stock')::numeric)
from feiqiu_ods.store_goods_master as o
where o._deleted_at is null

union all

select 'feiqiu_ods.group_buy_packages', 'feiqiu_dwd.dim_package', 'selling_price', count(*), sum((o.payload ->> 'selling_price')::numeric)
from feiqiu_ods.group_buy_packages as o
where o._deleted_at is null

union all

select 'feiqiu_ods.settlement_records', 'feiqiu_dwd.fact_settlement', 'consume_amount', count(*), sum((o.payload ->> 'consumeMoney')::numeric)
from feiqiu_ods.settlement_records as o
where o._deleted_at is null

union all

select 'feiqiu_ods.settlement_ticket_details', 'feiqiu_dwd.fact_ticket', 'consume_amount', count(*), sum((o.payload ->> 'consumeMoney')::numeric)
from feiqiu_ods.settlement_ticket_details as o
where o._deleted_at is null

union all

select 'feiqiu_ods.payment_transactions', 'feiqiu_dwd.fact_payment', 'pay_amount', count(*), sum((o.payload ->> 'pay_amount')::numeric)
from feiqiu_ods.payment_transactions as o
where o._deleted_at is null

union all

select 'feiqiu_ods.refund_transactions', 'feiqiu_dwd.fact_refund', 'refund_amount', count(*), sum(-(o.payload ->> 'pay_amount')::numeric)
from feiqiu_ods.refund_transactions as o
where o._deleted_at is null

union all

select 'feiqiu_ods.recharge_settlements', 'feiqiu_dwd.fact_recharge', 'pay_amount', count(*), sum((o.payload ->> 'payAmount')::numeric)
from feiqiu_ods.recharge_settlements as o
where o._deleted_at is null

union all

select 'feiqiu_ods.member_balance_changes', 'feiqiu_dwd.fact_balance_change', 'change_amount', count(*), sum((o.payload ->> 'account_data')::numeric)
from feiqiu_ods.member_balance_changes as o
where o._deleted_at is null

union all

select 'feiqiu_ods.table_fee_transactions', 'feiqiu_dwd.fact_table_fee', 'table_charge_amount', count(*), sum((o.payload ->> 'ledger_amount')::numeric)
from feiqiu_ods.table_fee_transactions as o
where o._deleted_at is null

union all

select 'feiqiu_ods.table_fee_discount_records', 'feiqiu_dwd.fact_table_fee_discount', 'discount_amount', count(*), sum((o.payload ->> 'ledger_amount')::numeric)
from feiqiu_ods.table_fee_discount_records as o
where o._deleted_at is null

union all

select 'feiqiu_ods.assistant_service_records', 'feiqiu_dwd.fact_assistant_service', 'service_amount', count(*), sum((o.payload ->> 'ledger_amount')::numeric)
from feiqiu_ods.assistant_service_records as o
where o._deleted_at is null

union all

select 'feiqiu_ods.assistant_cancellation_records', 'feiqiu_dwd.fact_assistant_cancellation', 'cancel_amount', count(*), sum((o.payload ->> 'assistantAbolishAmount')::numeric)
from feiqiu_ods.assistant_cancellation_records as o
where o._deleted_at is null

union all

select 'feiqiu_ods.store_goods_sales_records', 'feiqiu_dwd.fact_goods_sale', 'sales_amount', count(*), sum((o.payload ->> 'ledger_amount')::numeric)
from feiqiu_ods.store_goods_sales_records as o
where o._deleted_at is null

union all

select 'feiqiu_ods.goods_stock_movements', 'feiqiu_dwd.fact_stock_movement', 'change_quantity', count(*), sum((o.payload ->> 'change_num')::numeric)
from feiqiu_ods.goods_stock_movements as o
where o._deleted_at is null

union all

select 'feiqiu_ods.goods_stock_summary', 'feiqiu_dwd.fact_stock_report', 'sold_amount', count(*), sum((o.payload ->> 'range_sale_money')::numeric)
from feiqiu_ods.goods_stock_summary as o
where o._deleted_at is null

union all

select 'feiqiu_ods.group_buy_redemption_records', 'feiqiu_dwd.fact_group_buy_redemption', 'used_amount', count(*), sum((o.payload ->> 'ledger_amount')::numeric)
from feiqiu_ods.group_buy_redemption_records as o
where o._deleted_at is null

union all

select 'feiqiu_ods.platform_coupon_redemption_records', 'feiqiu_dwd.fact_coupon_redemption', 'sale_amount', count(*), sum((o.payload ->> 'sale_price')::numeric)
from feiqiu_ods.platform_coupon_redemption_records as o
where o._deleted_at is null

union all

select 'feiqiu_ods.stock_goods_category_tree', 'feiqiu_dwd.dim_goods_category', null, count(*) + sum(jsonb_array_length(o.payload -> 'categoryBoxes')), null
from feiqiu_ods.stock_goods_category_tree as o
where o._deleted_at is null
