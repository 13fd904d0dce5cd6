-- kind: view
-- key: [stream]
-- depends_on:
--   - feiqiu_dwd.dim_assistant
--   - feiqiu_dwd.dim_goods_category
--   - feiqiu_dwd.dim_member
--   - feiqiu_dwd.dim_member_card
--   - feiqiu_dwd.dim_package
--   - feiqiu_dwd.dim_store_goods
--   - feiqiu_dwd.dim_table
--   - feiqiu_dwd.dim_tenant_goods
--   - feiqiu_dwd.fact_assistant_cancellation
--   - feiqiu_dwd.fact_assistant_service
--   - feiqiu_dwd.fact_balance_change
--   - feiqiu_dwd.fact_coupon_redemption
--   - feiqiu_dwd.fact_goods_sale
--   - feiqiu_dwd.fact_group_buy_redemption
--   - feiqiu_dwd.fact_payment
--   - feiqiu_dwd.fact_recharge
--   - feiqiu_dwd.fact_refund
--   - feiqiu_dwd.fact_settlement
--   - feiqiu_dwd.fact_stock_movement
--   - feiqiu_dwd.fact_stock_report
--   - feiqiu_dwd.fact_table_fee
--   - feiqiu_dwd.fact_table_fee_discount
--   - feiqiu_dwd.fact_ticket
--   - feiqiu_dwd.landed_totals
-- description: >-
--   The quality report: for every stream what is landed and what the table made of it holds, in records and in the sum of
--   one figure, and the difference. Of dimensions the versions of now count.
-- columns:
--   stream: {description: The stream}
--   model: {description: The table that is made of it}
--   figure: {description: What is added up; null where there is nothing to add}
--   records_in_ods: {description: Records landed}
--   records_in_dwd: {description: Rows of the table}
--   records_missing: {description: Landed less modelled; 0 when all is well}
--   total_in_ods: {description: Sum of the figure as landed}
--   total_in_dwd: {description: Sum of the figure in the table}
--   total_missing: {description: Landed less modelled; 0 when all is well}
--   is_equal: {description: Nothing differs}
-- dashboard:
--   - title: Landed against modelled
--     title_zh: 落地与建模对比
--     page: quality
--     y:
--       stream: {label: Stream, label_zh: 数据流}
--       model: {label: Table, label_zh: 表}
--       records_in_ods: {label: Records ODS, label_zh: ODS 记录数}
--       records_in_dwd: {label: Rows DWD, label_zh: DWD 行数}
--       records_missing: {label: Difference, label_zh: 差异}
--       figure: {label: Sum of, label_zh: 求和列}
--       total_in_ods: {label: Sum ODS, label_zh: ODS 合计}
--       total_in_dwd: {label: Sum DWD, label_zh: DWD 合计}
--       total_missing: {label: Difference, label_zh: 差异}
--     sort: [is_equal, stream]
--     ok: is_equal
--     limit: 100
with modelled as (
    select
        'feiqiu_dwd.dim_member' as model,
        count(*) as records,
        null::numeric as total
    from feiqiu_dwd.dim_member as d
    where d.is_current

    union all

    select 'feiqiu_dwd.dim_member_card', count(*), coalesce(sum(d.balance_amount), 0)
    from feiqiu_dwd.dim_member_card as d
    where d.is_current

    union all

    select 'feiqiu_dwd.dim_table', count(*), coalesce(sum(d.table_price), 0)
    from feiqiu_dwd.dim_table as d
    where d.is_current

    union all

    select 'feiqiu_dwd.dim_assistant', count(*), coalesce(sum(d.play_price), 0)
    from feiqiu_dwd.dim_assistant as d
    where d.is_current

    union all

    select 'feiqiu_dwd.dim_tenant_goods', count(*), coalesce(sum(d.market_price), 0)
    from feiqiu_dwd.dim_tenant_goods as d
    where d.is_current

    union all

    select 'feiqiu_dwd.dim_store_goods', count(*), coalesce(sum(d.stock_quantity), 0)
    from feiqiu_dwd.dim_store_goods as d
    where d.is_current

    union all

    select 'feiqiu_dwd.dim_package', count(*), coalesce(sum(d.selling_price), 0)
    from feiqiu_dwd.dim_package as d
    where d.is_current

    union all

    select 'feiqiu_dwd.fact_settlement', count(*), coalesce(sum(d.consume_amount), 0)
    from feiqiu_dwd.fact_settlement as d

    union all

    select 'feiqiu_dwd.fact_ticket', count(*), coalesce(sum(d.consume_amount), 0)
    from feiqiu_dwd.fact_ticket as d

    union all

    select 'feiqiu_dwd.fact_payment', count(*), coalesce(sum(d.pay_amount), 0)
    from feiqiu_dwd.fact_payment as d

    union all

    select 'feiqiu_dwd.fact_refund', count(*), coalesce(sum(d.refund_amount), 0)
    from feiqiu_dwd.fact_refund as d

    union all

    select 'feiqiu_dwd.fact_recharge', count(*), coalesce(sum(d.pay_amount), 0)
    from feiqiu_dwd.fact_recharge as d

    union all

    select 'feiqiu_dwd.fact_balance_change', count(*), coalesce(sum(d.change_amount), 0)
    from feiqiu_dwd.fact_balance_change as d

    union all

    select 'feiqiu_dwd.fact_table_fee', count(*), coalesce(sum(d.table_charge_amount), 0)
    from feiqiu_dwd.fact_table_fee as d

    union all

    select 'feiqiu_dwd.fact_table_fee_discount', count(*), coalesce(sum(d.discount_amount), 0)
    from feiqiu_dwd.fact_table_fee_discount as d

    union all

    select 'feiqiu_dwd.fact_assistant_service', count(*), coalesce(sum(d.service_amount), 0)
    from feiqiu_dwd.fact_assistant_service as d

    union all

    select 'feiqiu_dwd.fact_assistant_cancellation', count(*), coalesce(sum(d.cancel_amount), 0)
    from feiqiu_dwd.fact_assistant_cancellation as d

    union all

    select 'feiqiu_dwd.fact_goods_sale', count(*), coalesce(sum(d.sales_amount), 0)
    from feiqiu_dwd.fact_goods_sale as d

    union all

    select 'feiqiu_dwd.fact_stock_movement', count(*), coalesce(sum(d.change_quantity), 0)
    from feiqiu_dwd.fact_stock_movement as d

    union all

    select 'feiqiu_dwd.fact_stock_report', count(*), coalesce(sum(d.sold_amount), 0)
    from feiqiu_dwd.fact_stock_report as d

    union all

    select 'feiqiu_dwd.fact_group_buy_redemption', count(*), coalesce(sum(d.used_amount), 0)
    from feiqiu_dwd.fact_group_buy_redemption as d

    union all

    select 'feiqiu_dwd.fact_coupon_redemption', count(*), coalesce(sum(d.sale_amount), 0)
    from feiqiu_dwd.fact_coupon_redemption as d

    union all

    select 'feiqiu_dwd.dim_goods_category', count(*), null
    from feiqiu_dwd.dim_goods_category as d
    where d.is_current
),

landed as (
    select
        l.stream,
        l.model,
        l.figure,
        coalesce(l.records, 0) as records,
        case when l.figure is not null then coalesce(l.total, 0) end as total
    from feiqiu_dwd.landed_totals as l
)

select
    l.stream,
    l.model,
    l.figure,
    l.records as records_in_ods,
    m.records as records_in_dwd,
    l.records - m.records as records_missing,
    l.total as total_in_ods,
    m.total as total_in_dwd,
    l.total - m.total as total_missing,
    (l.records, l.total) is not distinct from (m.records, m.total) as is_equal
from landed as l
join modelled as m
    on m.model = l.model
