"""The lines to add to a DeepSpeed job that uses DeepSpeed-Ulysses.

Not run here: DeepSpeed was not at hand. Written against its source: DistributedAttention
(deepspeed/sequence/layer.py) and deepspeed.initialize, whose mesh is (data_parallel,
sequence_parallel) with the sequence-parallel ranks next to each other, which is how the
plan numbers them when data parallelism is outside Ulysses.

DeepSpeed spreads heads and tokens by itself, so ask for a plan that it can run
(``frameworks``): the planner refuses what DeepSpeed would get wrong in silence.
"""

import ithaca
import ithaca.torch

REQUEST = {
    "workload": {"sequence_length": 131072, "causal": True},
    "constraints": {"ranks": 16, "data_parallel_degree": 2, "ulysses_degree": 8,
                    "zero_stage": 3, "frameworks": ["FRAMEWORK_DEEPSPEED"]},
}


def join_and_initialize(model, ds_config, group, name, hugging_face_config):
    """Before the job's own work; instead of deepspeed.init_distributed()."""
    import deepspeed

    client = ithaca.Client()
    client.create_group(group, plan_request=dict(
        REQUEST, hugging_face_config=hugging_face_config))
    member = client.join(group, name)
    member.wait_complete()
    ithaca.torch.init_process_group(member, "nccl")
    deepspeed.init_distributed(dist_backend="nccl")  # takes the group that is there

    mesh = member.plan.mesh
    engine, optimizer, _, _ = deepspeed.initialize(
        model=model, model_parameters=model.parameters(), config=dict(
            ds_config, data_parallel_size=mesh.data_parallel,
            sequence_parallel_size=mesh.ulysses))
    return member, engine, optimizer


def ulysses_layer(member, local_attention):
    """What wraps the model's attention; q, k, v are (batch, tokens of this rank, heads, size)."""
    from deepspeed.sequence.layer import DistributedAttention

    group = ithaca.torch.sub_groups(member)["ulysses"]
    return DistributedAttention(local_attention, group, scatter_idx=2, gather_idx=1)


def my_tokens(member, tokens):
    """This rank's part of a sequence."""
    (own,) = member.plan.ranks[member.rank].token_ranges
    return tokens[:, own.start:own.start + own.count]
