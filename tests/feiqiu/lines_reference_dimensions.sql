-- on:
--   - feiqiu_dwd.dim_assistant
--   - feiqiu_dwd.dim_goods_category
--   - feiqiu_dwd.dim_member
--   - feiqiu_dwd.dim_member_card
--   - feiqiu_dwd.dim_package
--   - feiqiu_dwd.dim_store_goods
--   - feiqiu_dwd.dim_table
--   - feiqiu_dwd.dim_tenant_goods
--   - feiqiu_dwd.fact_assistant_service
--   - feiqiu_dwd.fact_balance_change
--   - feiqiu_dwd.fact_goods_sale
--   - feiqiu_dwd.fact_group_buy_redemption
--   - feiqiu_dwd.fact_recharge
--   - feiqiu_dwd.fact_stock_movement
--   - feiqiu_dwd.fact_table_fee
-- severity: warn
-- description: >-
--   What facts and dimensions name is known. A warning: lists are read before events, and what was new in between is on
--   the next list.
select
    'fact_assistant_service' as relation,
    f.service_id as row_id,
    'assistant_id' as names,
    f.assistant_id as id
from feiqiu_dwd.fact_assistant_service as f
where f.assistant_id is not null
    and not exists (select from feiqiu_dwd.dim_assistant as d where d.assistant_id = f.assistant_id)

union all

select 'fact_balance_change', f.balance_change_id, 'member_card_id', f.member_card_id
from feiqiu_dwd.fact_balance_change as f
where f.member_card_id is not null
    and not exists (select from feiqiu_dwd.dim_member_card as d where d.member_card_id = f.member_card_id)

union all

select 'fact_recharge', f.recharge_settle_id, 'member_card_id', f.member_card_id
from feiqiu_dwd.fact_recharge as f
where f.member_card_id is not null
    and not exists (select from feiqiu_dwd.dim_member_card as d where d.member_card_id = f.member_card_id)

union all

select 'fact_goods_sale', f.goods_sale_id, 'site_goods_id', f.site_goods_id
from feiqiu_dwd.fact_goods_sale as f
where f.site_goods_id is not null
    and not exists (select from feiqiu_dwd.dim_store_goods as d where d.site_goods_id = f.site_goods_id)

union all

select 'fact_stock_movement', f.movement_id, 'site_goods_id', f.site_goods_id
from feiqiu_dwd.fact_stock_movement as f
where f.site_goods_id is not null
    and not exists (select from feiqiu_dwd.dim_store_goods as d where d.site_goods_id = f.site_goods_id)

union all

select 'fact_group_buy_redemption', f.redemption_id, 'package_id', f.package_id
from feiqiu_dwd.fact_group_buy_redemption as f
where f.package_id is not null
    and not exists (select from feiqiu_dwd.dim_package as d where d.package_id = f.package_id)

union all

select 'fact_table_fee', f.table_fee_id, 'table_id', f.table_id
from feiqiu_dwd.fact_table_fee as f
where f.table_id is not null
    and not exists (select from feiqiu_dwd.dim_table as d where d.table_id = f.table_id)

union all

select 'dim_store_goods', f.site_goods_id, 'tenant_goods_id', f.tenant_goods_id
from feiqiu_dwd.dim_store_goods as f
where f.tenant_goods_id is not null
    and not exists (select from feiqiu_dwd.dim_tenant_goods as d where d.tenant_goods_id = f.tenant_goods_id)

union all

select 'dim_member_card', f.member_card_id, 'member_id', f.member_id
from feiqiu_dwd.dim_member_card as f
where f.member_id is not null
    and not exists (select from feiqiu_dwd.dim_member as d where d.member_id = f.member_id)

union all

select 'dim_tenant_goods', f.tenant_goods_id, 'second_category_id', f.second_category_id
from feiqiu_dwd.dim_tenant_goods as f
where not exists (
    select from feiqiu_dwd.dim_goods_category as d
    where d.category_id = f.second_category_id
        and d.parent_id = f.category_id
)
