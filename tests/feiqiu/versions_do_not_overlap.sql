-- on:
--   - feiqiu_dwd.dim_assistant
--   - feiqiu_dwd.dim_goods_category
--   - feiqiu_dwd.dim_member_card
--   - feiqiu_dwd.dim_package
--   - feiqiu_dwd.dim_store_goods
--   - feiqiu_dwd.dim_tenant_goods
-- severity: error
-- description: A version ends where the next one begins, or before; the last one alone may be open, and then it is the current one.
with versions as (
    select 'dim_assistant' as dimension, v.assistant_id as id, v.valid_from, v.valid_to, v.is_current
    from feiqiu_dwd.dim_assistant as v

    union all

    select 'dim_goods_category', v.category_id, v.valid_from, v.valid_to, v.is_current
    from feiqiu_dwd.dim_goods_category as v

    union all

    select 'dim_member_card', v.member_card_id, v.valid_from, v.valid_to, v.is_current
    from feiqiu_dwd.dim_member_card as v

    union all

    select 'dim_package', v.package_id, v.valid_from, v.valid_to, v.is_current
    from feiqiu_dwd.dim_package as v

    union all

    select 'dim_store_goods', v.site_goods_id, v.valid_from, v.valid_to, v.is_current
    from feiqiu_dwd.dim_store_goods as v

    union all

    select 'dim_tenant_goods', v.tenant_goods_id, v.valid_from, v.valid_to, v.is_current
    from feiqiu_dwd.dim_tenant_goods as v
),

followed as (
    select
        v.dimension,
        v.id,
        v.valid_from,
        v.valid_to,
        v.is_current,
        lead(v.valid_from) over (partition by v.dimension, v.id order by v.valid_from) as next_from
    from versions as v
)

select
    f.dimension,
    f.id,
    f.valid_from,
    f.valid_to,
    f.is_current,
    f.next_from
from followed as f
where f.valid_to <= f.valid_from
    or f.valid_to > f.next_from
    or (f.valid_to is null and f.next_from is not null)
    or f.is_current is distinct from (f.valid_to is null)
