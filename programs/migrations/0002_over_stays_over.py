"""A use of a bed that is over stays over: a lapsed hold is never revived nor turned into a placement."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('programs', '0001_initial'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='beduse',
            name='lapse_first',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='beduse',
            trigger=pgtrigger.compiler.Trigger(name='lapse_first', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    IF TG_OP = 'UPDATE' THEN\n                        IF NEW.state IN ('firm', 'fulfilled')\n                           AND (CASE OLD.state WHEN 'firm' THEN OLD.expires_at <= clock_timestamp()\n                                ELSE NEW.state <> OLD.state END) THEN\n                            RAISE EXCEPTION 'this use of the bed is over'\n                                USING ERRCODE = 'check_violation', CONSTRAINT = 'programs_beduse_over_stays_over';\n                        END IF;\n                    END IF;\n                    IF NEW.state = 'firm' THEN\n                        UPDATE programs_beduse SET state = 'lapsed'\n                         WHERE bed_id = NEW.bed_id AND id <> NEW.id\n                           AND state = 'firm' AND expires_at <= clock_timestamp();\n                    END IF;\n                    RETURN NEW;\n                ", hash='284d75c8ad6291659c1f7c407ef219c44ed250d1', operation='INSERT OR UPDATE', pgid='pgtrigger_lapse_first_40b27', table='programs_beduse', when='BEFORE')),
        ),
    ]
