"""`manage.py open_facility`: the first facility and its administrator, on an empty installation."""

import getpass
import sys

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.text import slugify

from accounts import services
from accounts.models import Facility, User, valid_zone
from core.errors import Refused


class Command(BaseCommand):
    help = "Open a facility with an administrator, who then invites everybody else. Asks for the password."

    def add_arguments(self, parser):
        parser.add_argument("--name", required=True, help="the facility's name")
        parser.add_argument("--zone", required=True, help="its IANA time zone, such as America/Chicago")
        parser.add_argument("--neutral-name", required=True, help="the sender in messages; must not suggest care")
        parser.add_argument("--neutral-phone", required=True, help="the telephone in messages")
        parser.add_argument("--username", required=True, help="the administrator's")
        parser.add_argument("--email", required=True, help="the administrator's work address")

    def handle(self, *, name, zone, neutral_name, neutral_phone, username, email, **options):
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        facility = Facility(
            name=name, slug=slugify(name)[:60], zone=zone, neutral_name=neutral_name, neutral_phone=neutral_phone
        )
        user = User(username=username, email=email.lower())
        try:
            valid_zone(zone)
            facility.full_clean()
            user.full_clean(exclude=["password"])
            validate_password(password, user)
            services.open_facility(facility, administrator=user, password=password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{facility} is open. {username} can sign in and invite the others.")
