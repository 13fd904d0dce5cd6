-- on: [crm_dwd.order_row]
-- severity: error
-- description: Every landed row of every import is either used or left out, and the amounts are those that were landed.
with landed as (
    select s.import_id, s.row_no, s.payload from crm_ods.raw_orders_csv as s where s._deleted_at is null
    union all
    select s.import_id, s.row_no, s.payload from crm_ods.raw_orders_json as s where s._deleted_at is null
),

rejected as (
    select distinct (r.row ->> 'import_id')::uuid as import_id, (r.row ->> 'row_no')::bigint as row_no
    from crm_dwd.order_row__rejects as r
),

of_ods as (
    select
        l.import_id,
        count(*) as landed,
        count(r.row_no) as rejected,
        sum(case when r.row_no is null then (l.payload ->> 'amount')::numeric end) as amount
    from landed as l
    left join rejected as r
        on r.import_id = l.import_id
        and r.row_no = l.row_no
    group by l.import_id
),

of_dwd as (
    select
        o.import_id,
        count(*) as used,
        sum(o.amount) as amount
    from crm_dwd.order_row as o
    group by o.import_id
)

select
    import_id,
    l.landed,
    l.rejected,
    u.used,
    l.amount as landed_amount,
    u.amount as used_amount
from of_ods as l
full join of_dwd as u using (import_id)
where coalesce(l.landed, 0) <> coalesce(l.rejected, 0) + coalesce(u.used, 0)
    or l.amount is distinct from u.amount
