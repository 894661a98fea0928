"""simple-salesforce, as it comes from PyPI, against the Salesforce sandbox.

The sandbox is right in general or it is not right: nothing here, and nothing in the sandbox, is made for the other.
`SANDBOX_SALESFORCE` is the sandbox's address. The client insists on https and on salesforce.com, so that its session is
given an adapter that carries each call to the sandbox: over plain HTTP, or over TLS, where `REQUESTS_CA_BUNDLE` names the
sandbox's root and nothing is rewritten but the host.
"""

import datetime
import json
import os
import unittest
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, format_soql
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)

SANDBOX = urlsplit(os.environ["SANDBOX_SALESFORCE"])


class ToTheSandbox(HTTPAdapter):
    """Carries a call for any Salesforce host to the sandbox."""

    def send(self, request, **options):
        called = urlsplit(request.url)
        request.url = urlunsplit((SANDBOX.scheme, SANDBOX.netloc, called.path, called.query, ""))
        return super().send(request, **options)


def session():
    http = requests.Session()
    http.mount("https://", ToTheSandbox())
    return http


def connect(token="sandbox", version="60.0"):
    return Salesforce(session_id=token, instance=SANDBOX.netloc, session=session(), version=version)


def sandbox(method, path, body=None):
    answer = requests.request(method, f"{SANDBOX.geturl()}/_sandbox{path}", json=body, timeout=10)
    answer.raise_for_status()
    return answer.json() if answer.content else None


DEAL = {"Name": "Contoso renewal", "StageName": "Prospecting", "CloseDate": "2027-01-31"}


class SimpleSalesforce(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        sandbox("POST", "/reset")
        cls.sf = connect()

    def deal(self, **fields):
        return self.sf.Opportunity.create({**DEAL, **fields})["id"]

    def refusal(self, expected, call, *arguments, **named):
        with self.assertRaises(expected) as refused:
            call(*arguments, **named)
        return refused.exception

    def field(self, name, kind, **more):
        """Makes a field, as an administrator does over the Tooling API."""
        body = {"FullName": f"Opportunity.{name}", "Metadata": {"label": name, "type": kind, **more}}
        return self.sf.toolingexecute("sobjects/CustomField", method="POST", data=body)

    def grant(self, name):
        """Lets the session's user read and write a field, by a permission set of its own."""
        user = self.sf.oauth2("userinfo")["user_id"]
        granted = self.sf.PermissionSet.create({"Name": f"Grants_{name}"[:-3], "Label": name})["id"]
        self.sf.PermissionSetAssignment.create({"PermissionSetId": granted, "AssigneeId": user})
        rights = {"SobjectType": "Opportunity", "PermissionsRead": True, "PermissionsEdit": True}
        self.sf.FieldPermissions.create({"ParentId": granted, "Field": f"Opportunity.{name}", **rights})

    # Signing in

    def test_client_credentials_open_a_session(self):
        sf = Salesforce(
            consumer_key="key", consumer_secret="secret", domain="contoso.my", session=session(), version="60.0"
        )
        self.assertIn("done", sf.query("SELECT Id FROM Account LIMIT 1"))

    def test_soap_login_opens_a_session_for_old_versions(self):
        sf = Salesforce(username="integration@sandbox.example", password="p", security_token="t", session=session(), version="60.0")
        self.assertIn("done", sf.query("SELECT Id FROM Account LIMIT 1"))

    def test_a_token_that_is_none_is_an_expired_session(self):
        gone = self.refusal(SalesforceExpiredSession, connect("no token").query, "SELECT Id FROM Account")
        self.assertEqual(gone.content[0]["errorCode"], "INVALID_SESSION_ID")

    # Rows

    def test_a_row_is_created_read_updated_and_deleted(self):
        created = self.sf.Opportunity.create({**DEAL, "Amount": 1250.5})
        self.assertTrue(created["success"])
        self.assertEqual(len(created["id"]), 18)
        self.assertEqual(self.sf.Opportunity.update(created["id"], {"Name": "Renamed", "Description": None}), 204)
        row = self.sf.Opportunity.get(created["id"])
        self.assertEqual((row["Name"], row["Amount"], row["Description"]), ("Renamed", 1250.5, None))
        self.assertEqual(row["attributes"]["type"], "Opportunity")
        self.assertEqual(self.sf.Opportunity.get(created["id"][:15])["Id"], created["id"])
        self.assertEqual(self.sf.Opportunity.delete(created["id"]), 204)
        gone = self.refusal(SalesforceResourceNotFound, self.sf.Opportunity.get, created["id"])
        self.assertIn(gone.content[0]["errorCode"], ("NOT_FOUND", "ENTITY_IS_DELETED"))

    def test_an_upsert_by_external_id_creates_once(self):
        key = "Referral_Identfier__c/7f0c2b1e-0000-4000-8000-000000000001"
        self.assertEqual(self.sf.Opportunity.upsert(key, DEAL), 201)
        self.assertEqual(self.sf.Opportunity.upsert(key, {"Name": "Again"}), 200)
        row = self.sf.Opportunity.get_by_custom_id("Referral_Identfier__c", "7f0c2b1e-0000-4000-8000-000000000001")
        self.assertEqual(row["Name"], "Again")
        found = self.sf.query(
            format_soql("SELECT Id FROM Opportunity WHERE Referral_Identfier__c = {}", row["Referral_Identfier__c"])
        )
        self.assertEqual(found["totalSize"], 1)

    def test_an_upsert_of_an_old_version_answers_204(self):
        key = "Referral_Identfier__c/7f0c2b1e-0000-4000-8000-000000000002"
        old = connect(version="45.0").Opportunity
        self.assertEqual(old.upsert(key, DEAL), 201)
        self.assertEqual(old.upsert(key, {"Name": "Again"}), 204)

    def test_a_second_row_with_a_unique_value_is_refused(self):
        self.deal(Referral_Identfier__c="7f0c2b1e-0000-4000-8000-000000000003")
        twice = self.refusal(
            SalesforceMalformedRequest, self.deal, Referral_Identfier__c="7F0C2B1E-0000-4000-8000-000000000003"
        )
        self.assertEqual(twice.content[0]["errorCode"], "DUPLICATE_VALUE")

    # Conditions

    def test_a_row_that_was_modified_is_not_overwritten(self):
        row = self.deal()
        past = "Wed, 21 Oct 2015 07:28:00 GMT"
        refused = self.refusal(
            Exception, self.sf.Opportunity.update, row, {"Name": "x"}, headers={"If-Unmodified-Since": past}
        )
        self.assertEqual(refused.status, 412)
        future = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime(
            "%a, %d %b %Y %H:%M:%S GMT"
        )
        self.assertEqual(
            self.sf.Opportunity.update(row, {"Name": "Conditional"}, headers={"If-Unmodified-Since": future}), 204
        )

    # Queries

    def test_queries_filter_order_and_follow_relationships(self):
        account = self.sf.Account.create({"Name": "O'Reilly \\ Sons"})["id"]
        self.deal(Name="First", AccountId=account, Amount=10)
        self.deal(Name="Second", AccountId=account, Amount=20)
        found = self.sf.query(
            format_soql(
                "SELECT Name, Amount, Account.Name FROM Opportunity WHERE Account.Name = {} AND Amount >= {} "
                "ORDER BY Amount DESC NULLS LAST",
                "O'Reilly \\ Sons",
                10,
            )
        )
        self.assertEqual([row["Name"] for row in found["records"]], ["Second", "First"])
        self.assertEqual(found["records"][0]["Account"]["Name"], "O'Reilly \\ Sons")
        nested = self.sf.query(
            format_soql("SELECT Name, (SELECT Name FROM Opportunities ORDER BY Name) FROM Account WHERE Id = {}", account)
        )
        self.assertEqual(nested["records"][0]["Opportunities"]["totalSize"], 2)
        counted = self.sf.query(format_soql("SELECT COUNT() FROM Opportunity WHERE AccountId = {}", account))
        self.assertEqual((counted["totalSize"], counted["records"]), (2, []))
        by_list = self.sf.query(format_soql("SELECT Id FROM Opportunity WHERE Name IN {}", ["First", "Second"]))
        self.assertEqual(by_list["totalSize"], 2)
        like = self.sf.query(format_soql("SELECT Id FROM Account WHERE Name LIKE '{:like}%'", "O'Reilly"))
        self.assertEqual(like["totalSize"], 1)

    def test_a_long_result_is_paged(self):
        made = 0
        while made < 450:
            records = [{**DEAL, "Name": f"Paged {made + at}"} for at in range(150)]
            done = self.sf.restful(
                "composite/sobjects",
                method="POST",
                data=json.dumps(
                    {"allOrNone": True, "records": [{"attributes": {"type": "Opportunity"}, **row} for row in records]}
                ),
            )
            self.assertTrue(all(row["success"] for row in done))
            made += 150
        soql = "SELECT Id, Name FROM Opportunity WHERE Name LIKE 'Paged %'"
        small = {"Sforce-Query-Options": "batchSize=200"}
        first = self.sf.query(soql, headers=small)
        self.assertEqual((first["totalSize"], len(first["records"]), first["done"]), (450, 200, False))
        second = self.sf.query_more(first["nextRecordsUrl"], identifier_is_url=True, headers=small)
        self.assertEqual(len(second["records"]), 200)
        self.assertEqual(len(list(self.sf.query_all_iter(soql, headers=small))), 450)
        self.assertEqual(self.sf.query_all(soql)["totalSize"], 450)

    def test_deleted_rows_are_found_where_they_are_asked_for(self):
        row = self.deal(Name="Into the bin")
        self.sf.Opportunity.delete(row)
        soql = "SELECT Id, IsDeleted FROM Opportunity WHERE Name = 'Into the bin'"
        self.assertEqual(self.sf.query(soql)["totalSize"], 0)
        self.assertEqual(self.sf.query(soql, include_deleted=True)["records"][0]["IsDeleted"], True)

    def test_what_changed_is_told_by_updated_and_deleted(self):
        kept, gone = self.deal(Name="Changed"), self.deal(Name="Deleted")
        self.sf.Opportunity.delete(gone)
        now = datetime.datetime.now(datetime.timezone.utc)
        begin, end = now - datetime.timedelta(hours=1), now + datetime.timedelta(minutes=2)
        updated = self.sf.Opportunity.updated(begin, end)
        self.assertIn(kept, updated["ids"])
        self.assertIn("latestDateCovered", updated)
        deleted = self.sf.Opportunity.deleted(begin, end)
        self.assertIn(gone, [row["id"] for row in deleted["deletedRecords"]])

    # Many at once

    def test_collections_tell_each_row_what_became_of_it(self):
        done = self.sf.restful(
            "composite/sobjects",
            method="POST",
            data=json.dumps(
                {
                    "allOrNone": False,
                    "records": [
                        {"attributes": {"type": "Opportunity"}, **DEAL},
                        {"attributes": {"type": "Opportunity"}, "Name": "No stage"},
                    ],
                }
            ),
        )
        self.assertEqual([row["success"] for row in done], [True, False])
        self.assertEqual(done[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING")

    def test_a_composite_refers_to_what_it_made_and_rolls_back_as_a_whole(self):
        prefix = "/services/data/v60.0/sobjects"
        account = {"method": "POST", "url": f"{prefix}/Account", "referenceId": "a", "body": {"Name": "Composite"}}
        deal = {
            "method": "POST",
            "url": f"{prefix}/Opportunity",
            "referenceId": "o",
            "body": {**DEAL, "Name": "Composed", "AccountId": "@{a.id}"},
        }
        call = lambda parts: self.sf.restful(
            "composite", method="POST", data=json.dumps({"allOrNone": True, "compositeRequest": parts})
        )["compositeResponse"]
        self.assertEqual([part["httpStatusCode"] for part in call([account, deal])], [201, 201])
        bad = {**deal, "body": {"Name": "No stage", "AccountId": "@{a.id}"}}
        account = {**account, "body": {"Name": "Rolled back"}}
        self.assertEqual([part["httpStatusCode"] for part in call([account, bad])], [400, 400])
        self.assertEqual(self.sf.query("SELECT Id FROM Account WHERE Name = 'Rolled back'")["totalSize"], 0)

    # Metadata and limits

    def test_describe_tells_objects_and_fields(self):
        names = [one["name"] for one in self.sf.describe()["sobjects"]]
        for name in ("Account", "Contact", "Lead", "Opportunity"):
            self.assertIn(name, names)
        fields = {field["name"]: field for field in self.sf.Opportunity.describe()["fields"]}
        self.assertEqual(fields["Name"]["length"], 120)
        self.assertTrue(fields["Referral_Identfier__c"]["externalId"])
        self.assertTrue(fields["Referral_Identfier__c"]["unique"])
        self.assertEqual(fields["CloseDate"]["type"], "date")
        stages = [value["value"] for value in fields["StageName"]["picklistValues"]]
        self.assertIn("Closed Won", stages)
        self.assertIn("objectDescribe", self.sf.Opportunity.metadata())

    def test_limits_and_usage_are_told(self):
        limits = self.sf.limits()
        self.assertIn("Max", limits["DailyApiRequests"])
        self.assertGreater(self.sf.api_usage["api-usage"].used, 0)

    # Errors

    def test_errors_carry_code_fields_and_status(self):
        missing = self.refusal(SalesforceMalformedRequest, self.sf.Opportunity.create, {"Name": "Alone"})
        self.assertEqual(missing.content[0]["errorCode"], "REQUIRED_FIELD_MISSING")
        self.assertEqual(sorted(missing.content[0]["fields"]), ["CloseDate", "StageName"])
        long = self.refusal(SalesforceMalformedRequest, self.deal, Name="x" * 121)
        self.assertEqual(long.content[0]["errorCode"], "STRING_TOO_LONG")
        column = self.refusal(SalesforceMalformedRequest, self.sf.query, "SELECT Nothing__c FROM Opportunity")
        self.assertEqual(column.content[0]["errorCode"], "INVALID_FIELD")
        soql = self.refusal(SalesforceMalformedRequest, self.sf.query, "SELECT FROM Opportunity")
        self.assertEqual(soql.content[0]["errorCode"], "MALFORMED_QUERY")
        nowhere = self.refusal(SalesforceResourceNotFound, self.sf.Nothing__c.get, "a00000000000001AAA")
        self.assertEqual(nowhere.content[0]["errorCode"], "NOT_FOUND")

    def test_a_field_that_is_made_is_seen_by_those_who_are_granted_it(self):
        self.field("Granted__c", "Text", length=40)
        unseen = self.refusal(SalesforceMalformedRequest, self.sf.query, "SELECT Granted__c FROM Opportunity")
        self.assertEqual(unseen.content[0]["errorCode"], "INVALID_FIELD")
        self.grant("Granted__c")
        self.assertIn("done", self.sf.query("SELECT Granted__c FROM Opportunity"))

    def test_an_external_id_that_several_rows_hold_answers_300(self):
        self.field("Loose__c", "Text", length=40, externalId=True)
        self.grant("Loose__c")
        for name in ("One", "Two"):
            self.deal(Name=name, Loose__c="same")
        several = self.refusal(
            SalesforceMoreThanOneRecord, self.sf.Opportunity.get_by_custom_id, "Loose__c", "same"
        )
        self.assertEqual(len(several.content), 2)


if __name__ == "__main__":
    unittest.main(verbosity=1)
