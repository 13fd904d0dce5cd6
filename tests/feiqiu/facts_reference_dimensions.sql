-- on: [feiqiu_dwd.fact_settlement, feiqiu_dwd.dim_member, feiqiu_dwd.dim_table]
-- severity: warn
-- description: >-
--   The member and the table of a settlement are known. A warning: the lists are read before the settlements, and who
--   joined in between is on the next list.
select
    s.order_settle_id,
    'member' as dimension,
    s.member_id as id
from feiqiu_dwd.fact_settlement as s
where s.member_id is not null
    and not exists (select from feiqiu_dwd.dim_member as d where d.member_id = s.member_id)

union all

select
    s.order_settle_id,
    'table',
    s.table_id
from feiqiu_dwd.fact_settlement as s
where s.table_id is not null
    and not exists (select from feiqiu_dwd.dim_table as d where d.table_id = s.table_id)
