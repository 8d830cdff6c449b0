"""What bills give as they are issued: one standing batch a month and book version, phase 0 of its grants."""

from django.db import migrations, models
from django.db.models import Q

CHECK = """
CREATE OR REPLACE FUNCTION reliefs_check_grants() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT f.batch_id INTO wrong FROM (SELECT DISTINCT batch_id, phase, month FROM fresh) f
        LEFT JOIN reliefs_batch b ON b.id = f.batch_id
        WHERE {states} IS DISTINCT FROM b.status {months} LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Relief batch % is not at work: nothing may be granted or taken back under it.', wrong
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'Ask for the batch and have it approved first.';
    END IF;
    SELECT bill_id INTO wrong FROM fresh
        WHERE (bill_id / 10) % 1000000000 <> supply_point_id OR (cash <> 0) = (adjusting_bill_id IS NOT NULL)
           OR bill_id / 10000000000 <> to_char(month, 'YYMM')::int LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'The grant for bill % is of another point or month, or neither on a bill nor cash.', wrong
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'A grant stands on a bill or is cash.';
    END IF;
    RETURN NULL;
END $$;
"""
THREE = CHECK.format(
    states="CASE f.phase WHEN 0 THEN 'standing' WHEN 1 THEN 'applying' WHEN 2 THEN 'reversing' END",
    months="OR NOT f.month = ANY(b.months)",
)
TWO = CHECK.format(states="CASE f.phase WHEN 1 THEN 'applying' WHEN 2 THEN 'reversing' END", months="")
_APPROVED = "batch_approved_first"


class Migration(migrations.Migration):
    dependencies = [("reliefs", "0002_guards")]

    operations = [
        migrations.AlterField(
            model_name="batch",
            name="status",
            field=models.CharField(
                choices=[
                    ("computing", "đang tính"),
                    ("ready", "chờ duyệt"),
                    ("refused", "không duyệt"),
                    ("applying", "đang áp dụng"),
                    ("applied", "đã áp dụng"),
                    ("reversing", "đang đảo"),
                    ("reversed", "đã đảo"),
                    ("standing", "theo hóa đơn"),
                ],
                default="computing",
                max_length=9,
            ),
        ),
        migrations.RemoveConstraint(model_name="batch", name=_APPROVED),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=Q(status__in=["computing", "ready", "refused", "standing"]) | ~Q(approved_by=""),
                name=_APPROVED,
            ),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.UniqueConstraint(
                condition=Q(status="standing"), fields=("version", "months"), name="batch_standing_once"
            ),
        ),
        migrations.RunSQL(THREE, TWO),
    ]
