"""Ways to break the engine on purpose: each must be caught. (name, file, what stands there, what instead)

What stands there occurs once in the file. The name says what the mutant does wrong. Where the engine has more than one
guard, each but the last is broken as well: further triples (file, what stands there, what instead) follow.
"""

MUTANTS = (
    ("an object is finished before its last part", "src/engine/transfer.c",
     "    if (transfer->in_flight == 0)\n        finish(transfer);",
     "    if (transfer->in_flight <= 1)\n        finish(transfer);"),
    ("the manifest goes before the objects", "src/engine/run_upload.c",
     "    if (status == AKS_OK)\n        status = send_items(&upload);\n"
     "    if (status == AKS_OK && stored_count(&upload) > 0)\n        status = aks_run_commit(&upload);",
     "    for (size_t i = 0; status == AKS_OK && i < count; i++)\n        items[i]->stored_here[index] = items[i]->row.source != NULL;\n"
     "    if (status == AKS_OK && stored_count(&upload) > 0)\n        status = aks_run_commit(&upload);\n"
     "    if (status == AKS_OK)\n        status = send_items(&upload);\n"
     "    if (status == AKS_OK && stored_count(&upload) > 0)\n        status = aks_run_commit(&upload);"),
    ("a job counts as durable without a sync of its file", "src/engine/queue.c",
     "        status = files->sync(file, err);",
     "        status = AKS_OK;"),
    ("a job counts as durable without a sync of its folder", "src/engine/queue.c",
     "        status = files->sync_folder(files->ctx, folder, err);",
     "        status = AKS_OK;"),
    ("the way to the state folder is not made to last", "src/engine/engine.c",
     "    if (status == AKS_OK && !lasts(engine))", "    if (status == AKS_OK && lasts(engine) && err == NULL)"),
    ("a queue's folder is trusted that somebody else made", "src/engine/queue.c",
     "    if (status == AKS_NOT_FOUND || (status == AKS_OK && !count.any))", "    if (status == AKS_NOT_FOUND)"),
    ("Retry-After is ignored by the default", "src/engine/decide_default.c",
     "    if (ret->wait_ms < facts->retry_after_ms)", "    if (ret->wait_ms < -facts->retry_after_ms)"),
    ("Retry-After is forgotten between targets", "src/engine/run_health.c",
     "        if (outcome->retry_after_ms > 0)\n", "        if (outcome->retry_after_ms > INT64_MAX - 1)\n"),
    ("digests are not compared: the same size counts as the same content", "src/engine/run_compare.c",
     "    if (strcmp(item->sha256, item->row.sha256) != 0)\n        return AKS_OK;",
     "    memcpy(item->sha256, item->row.sha256, sizeof(item->sha256));"),
    ("a buffer is given back twice", "src/engine/pipeline.c",
     "        aks_pool_give(pipeline->options.pool, own->buffer, pipeline->options.part_bytes);\n    own->buffer = NULL;",
     "    {\n        aks_pool_give(pipeline->options.pool, own->buffer, pipeline->options.part_bytes);\n"
     "        aks_pool_give(pipeline->options.pool, own->buffer, pipeline->options.part_bytes);\n    }\n    own->buffer = NULL;"),
    ("a buffer is kept", "src/engine/pipeline.c",
     "    if (own->buffer != NULL)\n        aks_pool_give(pipeline->options.pool, own->buffer, pipeline->options.part_bytes);\n    own->buffer = NULL;",
     "    own->buffer = NULL;"),
    ("the breaker never closes", "src/engine/run_health.c",
     "    return !target->opened && target->breaker.open_until_ms > wall_ms(run);",
     "    return target->breaker.failures > 0 || target->opened;"),
    ("an error inside a 200 counts as success", "src/engine/classify.c",
     "    if (told)\n        fail_by_s3(", "    if (told && !success)\n        fail_by_s3(",
     "src/engine/target_s3_multipart.c",
     "    if (answer.outcome.status == AKS_OK &&\n        aks_s3_xml_complete(",
     "    if (given->outcome.status == AKS_OK) {\n        aks_s3_step_tried(&object->step, &given->outcome);\n        return;\n    }\n"
     "    if (answer.outcome.status == AKS_OK &&\n        aks_s3_xml_complete("),
    ("a lost answer to Complete counts as failure", "src/engine/target_s3_multipart.c",
     "    if (answer->outcome.corrected || answer->reply == NULL)\n        return false;",
     "    if (answer != NULL)\n        return false;"),
    ("the index believes before the manifest is written", "src/engine/run_commit.c",
     "    if (put_manifest(upload) != AKS_OK)\n        return upload->outcome.status;",
     "    if (record_rows(upload, &err) != AKS_OK)\n        return AKS_OK;\n"
     "    if (put_manifest(upload) != AKS_OK)\n        return upload->outcome.status;"),
    ("the job is removed before its sources are delivered", "src/engine/run.c",
     "            aks_run_keep(run);\n            aks_run_supersede(run);\n        }",
     "            aks_run_keep(run);\n            aks_run_supersede(run);\n"
     "            (void)aks_queue_remove(run->engine->port, run->engine->queue_folder, run->job_id, err);\n        }"),
    ("an older job supersedes a newer one", "src/engine/run_keep.c",
     "        return job->enqueued_at_ms < run->enqueued_at_ms;", "        return job->enqueued_at_ms > run->enqueued_at_ms;"),
    ("the clock's skew is not corrected", "src/engine/target_s3_mend.c",
     "    s3->clock_offset_ms = offset_ms;", "    s3->clock_offset_ms = 0;"),
    ("a source that changed while it was read is stored all the same", "src/engine/transfer.c",
     "    if (aks_snapshot_check(snapshot, &err) != AKS_OK) {", "    if (aks_snapshot_check(snapshot, &err) == AKS_INTERNAL) {"),
    ("a source that changed while it was put is stored all the same", "src/engine/transfer.c",
     "    return !transfer->options.target->class->reads_in_finish || transfer->digest.whole.bytes < 0 ||",
     "    return transfer != NULL ||"),
    ("a source is read while its stamps cannot tell a second write", "src/engine/transfer_begin.c",
     "    if (wait_ms == 0)\n        return true;", "    if (wait_ms >= 0)\n        return true;"),
    ("a folder target does not sync what it stores", "src/engine/target_dir_object.c",
     "            status = files->sync(job->file->handle, err);", "            status = AKS_OK;"),
    ("the audit log forgets what stood before", "src/engine/audit.c",
     "        return status;\n    return add_record(audit, ++seq, prev, event, fields, out, err);",
     "        return status;\n    memset(prev, '0', 64);\n    return add_record(audit, ++seq, prev, event, fields, out, err);"),
    ("what was half sent is left there", "src/engine/target_s3_abort.c",
     "    if (object->upload_id != NULL || object->shape == AKS_S3_SINGLE)\n        delete(object);\n    else\n        end_without(object);\n}\n\nvoid\naks_s3_abort(",
     "    end_without(object);\n}\n\nvoid\naks_s3_abort("),
    ("a part is cut at the wrong place", "src/engine/pipeline_raw.c",
     "part->part.offset + offset, data, len,", "part->part.offset + offset - (part->part.number > 2), data, len,"),
    ("a secret stands in the log", "src/engine/target_s3_request.c",
     "    key.secret_key = aks_credentials_secret_key(step->s3->credentials);",
     "    key.secret_key = aks_credentials_secret_key(step->s3->credentials);\n"
     "    aks_log_write(step->s3->options.log, AKS_LOG_DEBUG, \"signing with %s\", key.secret_key);"),
    ("tries have no end", "src/engine/decide_default.c",
     "    if (!facts->transient || facts->attempt >= settings->tries)", "    if (!facts->transient)"),
)
