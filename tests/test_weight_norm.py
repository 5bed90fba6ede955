"""Weight norm and minibatch discrimination of Salimans' nn.py: its values, and what a first batch sets."""

from threading import Barrier, Thread

import pytest
import torch
from torch import nn
from torch.nn.functional import leaky_relu

from zoo.engine.first_batch import begin_with, unseen
from zoo.networks import NETWORKS, build
from zoo.networks.minibatch import OthersDiscrimination
from zoo.networks.shift_norm import ShiftNorm1d, ShiftNorm2d
from zoo.networks.weight_norm import WeightNormConv2d, WeightNormConvTranspose2d, WeightNormLinear

# -- two outputs of WeightNormLayer on a dense layer: inputs [7], samples [6] --

WEIGHT = [
    [-0.0356195331025294, 0.03768831893298515], [0.026616894414727317, 0.06750939498612633],
    [-0.03944945124757745, -0.06308029726595346], [0.0158675461368168, 0.006365164010349034],
    [-0.04920803908862907, 0.059535263625299095], [0.011892891914250532, -0.08195467056009575],
    [0.0245435916254758, 0.09463711093883602],
]  # fmt: skip
BIAS, G = [0.17494547413051795, -0.02860729968162942], [1.0472985831489978, 0.9318574120560554]
NORMALISED = [
    [-0.44742393739148256, 0.2054696097032009], [0.33434002814946995, 0.3680484943826579],
    [-0.4955322899465809, -0.34390188859959187], [0.19931535735855652, 0.03470167420385092],
    [-0.6181118246826471, 0.32457503351154304], [0.14938894656279014, -0.44680141354353353],
    [0.30829686540779483, 0.515943687555209],
]  # fmt: skip
WITHOUT_BIAS = [
    [1.551339111253063, 0.07918602460882154], [0.14467781319031608, -1.5011686222970952],
    [-0.18628912402400863, 0.014661374796922139], [0.6203002533751771, 0.8109743346181475],
    [-1.1721217938916375, 0.8362069713479403], [-0.9817128649791274, 0.9146727578852016],
]  # fmt: skip
ACTIVATED = [
    [1.7262845853835809, 0.05057872492719212], [0.319623287320834, -0.30595518439574493],
    [-0.0022687299786981366, -0.0027891849769414562], [0.7952457275056951, 0.782367034936518],
    [-0.1994352639522239, 0.8075996716663109], [-0.1613534781697219, 0.8860654582035722],
]  # fmt: skip
FIRST_ACTIVATED = [
    [0.16731476211315505, -0.0026968043051463766], [0.015990799188282247, -0.040334153437880674],
    [-0.003922705519960735, -0.0042335079668166], [0.06715668581919526, 0.07365645725540303],
    [-0.025133228136972836, 0.07666112952943344], [-0.021036515767192947, 0.08600474176438173],
]  # fmt: skip
FIRST_BIAS, FIRST_G = [0.00042683928591314563, -0.022913398850848626], [0.11266491243199142, 0.1109644687290497]

# -- one kernel of MinibatchLayer: inputs [7], samples [6] --

SAMPLES = [
    [1.6243453636632417, -0.6117564136500754, -0.5281717522634557, -1.0729686221561705, 0.8654076293246785,
     -2.3015386968802827, 1.74481176421648],
    [-0.7612069008951028, 0.31903909605709857, -0.2493703754774101, 1.462107937044974, -2.060140709497654,
     -0.3224172040135075, -0.38405435466841564],
    [1.1337694423354374, -1.0998912673140309, -0.17242820755043575, -0.8778584179213718, 0.04221374671559283,
     0.5828152137158222, -1.1006191772129212],
    [1.1447237098396141, 0.9015907205927955, 0.5024943389018682, 0.9008559492644118, -0.6837278591743331,
     -0.12289022551864817, -0.9357694342590688],
    [-0.2678880796260159, 0.530355466738186, -0.691660751725309, -0.39675352685597737, -0.6871727001195994,
     -0.8452056414987196, -0.671246130836819],
    [-0.01266459891890136, -1.1173103486352778, 0.23441569781709215, 1.6598021771098705, 0.7420441605773356,
     -0.19183555236161492, -0.8876289640848363],
]  # fmt: skip
DIRECTION = [
    [-0.02083789237027353, -0.0028133413613164737, -0.10680980478342271, 0.08201354042024944, -0.08967177925974316],
    [-0.0439053946620171, -0.007821708519231182, 0.012828522600064783, -0.04943895243848109, -0.016941098301459817],
    [-0.015675409849670443, 0.038550586903470574, -0.09340453272818817, 0.0865592332990234, 0.07338390052867065],
    [-0.020965824107634444, -0.006616444921837168, -0.0019785119846802853, 0.016300171669349033, -0.10201615243643576],
    [-0.009473463235619041, -0.003860933267647858, 0.04123515027184908, 0.062410646029851705, -0.020194613466896976],
    [0.05807607453703865, 0.01930390238017973, -0.05665666368384913, 0.02165462773283455, -0.01520432194006578],
    [-0.051070736526103326, 0.021619785048980312, -0.016179003503826197, 0.021191235393294035, 0.03995899975175077],
]
LOG_SCALE = [0.5365885420290956, 0.1309529551535968, 0.028949240421602587, -0.5590478110093472, -0.08321646075431971]
MINIBATCH_BIAS = -0.994943829285706
CLOSENESS = [
    -0.9842222615998302, -0.760875931317978, -0.9544693710539875, -0.9137460624321989, -0.818305513540822,
    -0.8639177977332416,
]  # fmt: skip
FIRST_CLOSENESS = [
    -0.1623700744515662, 0.10729809683117658, -0.05990589506377425, -0.0012404848451105788, 0.026429336484501353,
    0.08978902104477288,
]  # fmt: skip
FIRST_LOG_SCALE, FIRST_MINIBATCH_BIAS = -0.2963325572315908, -0.28303100138042786


def close(found, expected):
    torch.testing.assert_close(found, torch.as_tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)


@torch.no_grad()
def dense():
    layer = WeightNormLinear(7, 2, train_g=True, init_std=0.1).double()
    layer.weight.data = torch.tensor(WEIGHT, dtype=torch.float64).T.contiguous()
    layer.bias.data, layer.g.data = (torch.tensor(each, dtype=torch.float64) for each in (BIAS, G))
    return layer


@torch.no_grad()
def minibatch(log_scale):
    layer = OthersDiscrimination(7, kernels=1, dim=5).double()
    layer.direction.data = torch.tensor(DIRECTION, dtype=torch.float64)[:, None]
    layer.log_scale.data = torch.tensor([log_scale], dtype=torch.float64)
    layer.bias.data = torch.tensor([MINIBATCH_BIAS], dtype=torch.float64)
    return layer, torch.tensor(SAMPLES, dtype=torch.float64)


def inputs_for(layer):
    """Samples that the layer maps to WITHOUT_BIAS + BIAS."""
    wanted = torch.tensor(WITHOUT_BIAS, dtype=torch.float64)
    return wanted @ torch.linalg.pinv(layer.normalised().detach().T)


def only(tensor):
    return tensor


# -- weight norm --


def test_the_weight_and_the_outputs_are_those_of_the_source():
    layer = dense()
    close(layer.normalised().T, NORMALISED)
    close(leaky_relu(layer(inputs_for(layer)), 0.2), ACTIVATED)


def test_a_first_batch_sets_g_and_the_bias_as_in_the_source_and_has_outputs_of_its_own():
    layer = dense()
    network, samples = nn.Sequential(layer, nn.LeakyReLU(0.2)), inputs_for(layer)
    outputs = []
    begin_with(network, lambda: outputs.append(network(samples)), only)
    close(outputs[0], FIRST_ACTIVATED)
    close(layer.bias, FIRST_BIAS)
    close(layer.g, FIRST_G)
    close(network(samples), FIRST_ACTIVATED)  # from then on, of the same samples


@pytest.mark.parametrize(
    ("layer", "others"),
    [
        (WeightNormLinear(3, 4), (1,)),
        (WeightNormConv2d(3, 4, 5), (1, 2, 3)),
        (WeightNormConvTranspose2d(3, 4), (0, 2, 3)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_each_output_has_a_norm_of_g(layer, others):
    g = torch.arange(1.0, 5.0)
    layer.g.data.copy_(g)
    norms = layer.normalised().square().sum(others)
    squares = layer.weight.square().sum(others)
    torch.testing.assert_close(norms, g**2 * squares / (squares + 1e-6))
    assert layer.weight.std().item() == pytest.approx(0.05, rel=0.5)
    layer.weight.data.zero_()
    assert layer.normalised().isfinite().all()  # the 1e-6 is under the root


def test_g_is_trained_only_where_the_source_trains_it():
    for name in ("deligan_cifar", "deligan_sketches"):
        pair = NETWORKS[name]
        generator = build(pair.generator, 4, pair.tiny.image_shape, options=pair.tiny.generator)
        critic = build(pair.critic, pair.tiny.image_shape, options=pair.tiny.critic)
        trained = [part for each in (generator, critic) for part in each.modules() if hasattr(part, "g")]
        trained = [type(part) for part in trained if isinstance(part.g, nn.Parameter)]
        assert trained == [WeightNormConvTranspose2d, WeightNormLinear], name  # the last layers


# -- minibatch discrimination --


def test_closeness_to_the_others_is_that_of_the_source():
    layer, samples = minibatch(LOG_SCALE)
    outputs = layer(samples)
    assert torch.equal(outputs[:, :7], samples)
    close(outputs[:, 7], CLOSENESS)


def test_a_first_batch_sets_the_scale_and_the_bias_as_in_the_source():
    layer, samples = minibatch([0.0] * 5)
    outputs = []
    begin_with(layer, lambda: outputs.append(layer(samples)), only)
    close(outputs[0][:, 7], FIRST_CLOSENESS)
    close(layer.log_scale, [[FIRST_LOG_SCALE] * 5])
    close(layer.bias, [FIRST_MINIBATCH_BIAS])
    close(layer(samples)[:, 7], FIRST_CLOSENESS)


def test_a_sample_is_not_close_to_itself():
    layer = OthersDiscrimination(3, kernels=2)
    alone = layer(torch.randn(1, 3))
    assert torch.equal(alone[0, 3:], layer.bias)
    twins = layer(torch.ones(2, 3))
    torch.testing.assert_close(twins[:, 3:], (1 + layer.bias).expand(2, 2))
    begin_with(layer, lambda: layer(torch.randn(1, 3)), only)  # of one there is nothing to learn
    assert torch.equal(layer(torch.randn(1, 3))[0, 3:], -torch.ones(2))


# -- batch norm --


@pytest.mark.parametrize(("layer", "shape"), [(ShiftNorm1d(3), (6, 3)), (ShiftNorm2d(3), (4, 3, 5, 5))])
def test_batch_norm_has_a_shift_and_no_scale(layer, shape):
    samples, axes = torch.randn(shape), [axis for axis in range(len(shape)) if axis != 1]
    layer.bias.data = torch.tensor([1.0, -2.0, 3.0])
    centred = samples - samples.mean(axes, keepdim=True)
    expected = centred / (centred.square().mean(axes, keepdim=True) + 1e-6).sqrt()
    shift = layer.bias.view(1, 3, *[1] * (len(shape) - 2))
    torch.testing.assert_close(layer(samples), expected + shift)
    assert [name for name, _ in layer.named_parameters()] == ["bias"]
    layer(samples).sum().backward()
    torch.testing.assert_close(layer.bias.grad, torch.full((3,), samples.numel() / 3))


# -- first batches --

LAYERS = [WeightNormConv2d, nn.LeakyReLU, WeightNormConv2d, nn.AdaptiveAvgPool2d, nn.Flatten, WeightNormLinear]


def network():
    torch.manual_seed(0)
    arguments = [(2, 3, 3), (0.2,), (3, 4, 3), (1,), (), (4, 2)]
    return nn.Sequential(*(make(*given) for make, given in zip(LAYERS, arguments, strict=True))).double()


def test_after_its_first_batch_every_layer_has_outputs_of_mean_0_and_deviation_1():
    layers, images, seen = network(), torch.randn(8, 2, 7, 7, dtype=torch.float64), []
    begin_with(layers, lambda: layers(images), only)
    for layer in layers:
        layer.register_forward_hook(lambda layer, _, outputs: seen.append((layer, outputs)))
    layers(images)
    for layer, outputs in seen:
        if hasattr(layer, "g"):
            axes = [axis for axis in range(outputs.dim()) if axis != 1]
            torch.testing.assert_close(outputs.mean(axes), torch.zeros(outputs.shape[1]).double(), rtol=0, atol=1e-12)
            torch.testing.assert_close(outputs.var(axes, correction=0), torch.ones(outputs.shape[1]).double())


def test_a_layer_sees_one_batch_and_says_so_in_its_state():
    layers = network()
    assert len(unseen(layers)) == 3
    begin_with(layers, lambda: layers(torch.randn(8, 2, 7, 7, dtype=torch.float64)), only)
    state = {name: value.clone() for name, value in layers.state_dict().items()}
    assert not unseen(layers)
    begin_with(layers, lambda: layers(torch.randn(8, 2, 7, 7, dtype=torch.float64)), only)
    layers(torch.randn(8, 2, 7, 7, dtype=torch.float64))
    assert all(torch.equal(value, state[name]) for name, value in layers.state_dict().items())
    copy = network()
    copy.load_state_dict(state)
    assert not unseen(copy)


def test_outputs_that_are_the_same_everywhere_leave_finite_weights():
    layers = network()
    begin_with(layers, lambda: layers(torch.zeros(2, 2, 7, 7, dtype=torch.float64)), only)
    assert all(value.isfinite().all() for value in layers.state_dict().values())


def test_two_processes_with_half_of_a_batch_each_begin_as_one_with_all_of_it():
    images = torch.randn(8, 2, 7, 7, dtype=torch.float64)
    whole, ranks = network(), [network(), network()]
    begin_with(whole, lambda: whole(images), only)
    barrier, given = Barrier(2), [None, None]

    def run(rank):
        def mean(tensor):
            given[rank] = tensor
            barrier.wait()
            total = (given[0] + given[1]) / 2
            barrier.wait()
            return total

        begin_with(ranks[rank], lambda: ranks[rank](images[rank::2]), mean)

    threads = [Thread(target=run, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    for name, value in whole.state_dict().items():
        one, other = (each.state_dict()[name] for each in ranks)
        assert torch.equal(one, other), name
        torch.testing.assert_close(one, value, rtol=0, atol=1e-12)
